/**
 * The person at the keyboard has to change something. `message` names the flag or key and the rule; `hint` says what
 * to write instead. Never leaves this folder: it becomes words on standard error and exit status 2.
 */
export class WrongUse extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'WrongUse';
    this.hint = hint;
  }
}
