/** What every command answers to the shell. The numbers are public: they only grow. */
export const exitStatus = {
  done: 0,
  /** Refused by the broker, or failed. */
  refused: 1,
  /** Wrong use: a flag, an argument or a configuration value that cannot be right. */
  wrongUse: 2,
  /** Done in part; what is outstanding was printed. */
  partlyDone: 3,
  /** The broker could not be reached. */
  outOfReach: 4,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];
