import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Commits, createCommits } from '../../../../src/ledger/sqlite/commits.ts';
import { LeaseholdError } from '../../../../src/platform/error.ts';

describe('createCommits', () => {
  let database: DatabaseSync;
  let commits: Commits;
  beforeEach(() => {
    database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE fact (n INTEGER PRIMARY KEY) STRICT');
    commits = createCommits(database);
  });
  afterEach(() => database.close());

  const insert = (n: number) =>
    commits.run('insert', () => Number(database.prepare('INSERT INTO fact VALUES (?)').run(n).changes));
  const facts = () =>
    database
      .prepare('SELECT n FROM fact ORDER BY n')
      .all()
      .map(({ n }) => n);
  const states = async (calls: readonly Promise<unknown>[]) =>
    (await Promise.allSettled(calls)).map(({ status }) => status);

  const order: string[] = [];
  const note = (name: string) => () => void order.push(name);
  it('lets a patient change go at once when nobody else commits', async () => {
    await commits.runPatiently('patient', () => database.exec('INSERT INTO fact VALUES (1)'));
    expect(facts()).toEqual([1]);
  });

  it('takes a patient change along with the next group of those that cannot wait', async () => {
    await insert(1);
    order.length = 0;
    const patient = commits.runPatiently('patient', note('patient'));
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([]);
    const urgent = commits.run('urgent', note('urgent'));
    await Promise.all([urgent, patient]);
    expect(order).toEqual(['urgent', 'patient']);
  });

  it('lets patient changes that come one after another go together, at once when there are many', async () => {
    commits = createCommits(database, { patienceMs: 600_000 });
    const patiently = (name: string) => commits.runPatiently('patient', note(name));
    await patiently('first');
    order.length = 0;
    const waiting = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(patiently);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([]);
    await Promise.all([...waiting, patiently('h')]);
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  });

  it('carries a patient change out also when no other group comes, and before it closes', async () => {
    await insert(1);
    await commits.runPatiently('patient', () => database.exec('INSERT INTO fact VALUES (2)'));
    await insert(3);
    const last = commits.runPatiently('patient', () => database.exec('INSERT INTO fact VALUES (4)'));
    await commits.close();
    await last;
    expect(facts()).toEqual([1, 2, 3, 4]);
    await expect(commits.runPatiently('late', () => undefined)).rejects.toMatchObject({
      code: 'ledger_unavailable',
    });
  });

  it('undoes a refused change alone, with all that it had done', async () => {
    const refused = commits.run('refused', () => {
      database.exec('INSERT INTO fact VALUES (99)');
      throw new LeaseholdError('ledger_conflict');
    });
    const outcome = await states([insert(1), refused, insert(2), insert(1)]);
    expect(outcome).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(facts()).toEqual([1, 2]);
  });

  it('undoes a refused change that is alone in its group', async () => {
    const refused = commits.run('refused', () => {
      database.exec('INSERT INTO fact VALUES (99)');
      throw new LeaseholdError('ledger_conflict');
    });
    await expect(refused).rejects.toMatchObject({ code: 'ledger_conflict' });
    expect(facts()).toEqual([]);
  });

  it('tells of a broken constraint without the words of SQLite', async () => {
    await insert(1);
    await expect(insert(1)).rejects.toMatchObject({
      code: 'ledger_conflict',
      detail: 'insert: sqlite constraint (1555)',
    });
  });

  it('refuses all of a group whose transaction is lost, and carries out the rest in the next', async () => {
    const lose = () =>
      commits.run('lost', () => {
        database.exec('ROLLBACK');
        throw new Error('gone');
      });
    expect(await states([insert(1), lose(), insert(2)])).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(facts()).toEqual([2]);
  });

  it('goes on after a group could not be committed', async () => {
    database.exec(
      'PRAGMA foreign_keys = ON; CREATE TABLE child (f INTEGER REFERENCES fact (n) DEFERRABLE INITIALLY DEFERRED)',
    );
    const dangling = commits.run('dangling', () => database.exec('INSERT INTO child VALUES (5)'));
    expect(await states([insert(1), dangling])).toEqual(['rejected', 'rejected']);
    await insert(2);
    expect(facts()).toEqual([2]);
  });

  it('says that the disk is full, and goes on when there is room', async () => {
    database.exec('CREATE TABLE big (b BLOB)');
    const big = () => commits.run('big', () => database.exec('INSERT INTO big VALUES (zeroblob(100000))'));
    database.exec('PRAGMA max_page_count = 8');
    await expect(big()).rejects.toMatchObject({
      code: 'ledger_unavailable',
      detail: 'big: sqlite disk full (13)',
    });
    database.exec('PRAGMA max_page_count = 100000');
    await big();
  });

  it('keeps the order of calls over many groups', async () => {
    const order: number[] = [];
    await Promise.all(Array.from({ length: 500 }, (_, n) => commits.run('order', () => void order.push(n))));
    expect(order).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });
});
