import type pg from 'pg';

/** What a reader took of a table: a row's id, and the version that the row had. */
export interface Taken {
  readonly id: number;
  readonly version: number;
}

/** Reads a table as a pulled source does. */
export interface ScheduleReader {
  readonly taken: readonly Taken[];
  /** True when a rewrite of the table now may make rows count twice. */
  readonly isInFlight: boolean;
  /** Reads pages of `most` rows to the end; dies at the page `death`, before or after its append. */
  poll(turn: {
    readonly most: number;
    readonly death?: { readonly page: number; readonly after: 'read' | 'append' };
  }): Promise<void>;
}

export interface Outcome {
  readonly lost: readonly Taken[];
  readonly doubled: readonly Taken[];
  /** Versions of a row that came after a later one. */
  readonly late: readonly Taken[];
}

export const TABLE = 'CREATE TABLE items (id int NOT NULL, version int NOT NULL)';

/** Draws a whole number below `end`. */
export type Draw = (end: number) => number;

const STEPS = 45;

interface Session {
  readonly client: pg.Client;
  isOpen: boolean;
  /** The ids whose rows the session has locked. */
  readonly locked: Set<number>;
  hasSavepoint: boolean;
}

/** A transaction that was prepared: its locks stay until it is over. */
interface Prepared {
  readonly gid: string;
  readonly locked: ReadonlySet<number>;
}

/**
 * Performs one schedule of overlapping transactions, with savepoints, prepared ones, vacuums and rewrites of the table,
 * and lets the reader poll in between, which dies at random. In the end all transactions are over, and the reader has
 * read to the end: then every row of the table must have been taken once, in its last version.
 */
export async function performSchedule(
  clients: readonly pg.Client[],
  reader: ScheduleReader,
  { draw, number, admin }: { readonly draw: Draw; readonly number: number; readonly admin: pg.Client },
): Promise<Outcome> {
  const sessions = clients.map(
    (client): Session => ({ client, isOpen: false, locked: new Set(), hasSavepoint: false }),
  );
  const prepared: Prepared[] = [];
  let ids = 0;
  let versions = 0;
  let mayDouble = false;

  const isFree = (id: number) =>
    !sessions.some(({ locked }) => locked.has(id)) && !prepared.some(({ locked }) => locked.has(id));
  const end = async (session: Session, how: string): Promise<void> => {
    await session.client.query(how);
    session.isOpen = false;
    session.hasSavepoint = false;
    session.locked.clear();
  };
  const endPrepared = async (how: string): Promise<void> => {
    const one = prepared.splice(draw(prepared.length), 1)[0];
    if (one !== undefined) await admin.query(`${how} PREPARED '${one.gid}'`);
  };

  const write = async (session: Session): Promise<void> => {
    const { client } = session;
    if (!session.isOpen) {
      await client.query('BEGIN');
      session.isOpen = true;
    }
    const what = draw(10);
    if (what === 0 && !session.hasSavepoint) {
      await client.query('SAVEPOINT s');
      session.hasSavepoint = true;
    } else if (what === 1 && session.hasSavepoint) await client.query('ROLLBACK TO s');
    else if (what < 6 || ids === 0) await insert(session);
    else await change(session, what === 9);
  };
  const insert = async ({ client, locked }: Session): Promise<void> => {
    for (let left = 1 + draw(3); left > 0; left--) {
      await client.query(`INSERT INTO items VALUES (${++ids}, ${++versions})`);
      locked.add(ids);
    }
  };
  const change = async ({ client, locked }: Session, isDeletion: boolean): Promise<void> => {
    const id = 1 + draw(ids);
    if (!locked.has(id) && !isFree(id)) return;
    locked.add(id);
    const update = `UPDATE items SET version = ${++versions} WHERE id = ${id}`;
    await client.query(isDeletion ? `DELETE FROM items WHERE id = ${id}` : update);
  };
  const prepare = async (session: Session): Promise<void> => {
    if (!session.isOpen) return;
    const gid = `${number}-${versions}-${draw(1e9)}`;
    const locked = new Set(session.locked);
    await end(session, `PREPARE TRANSACTION '${gid}'`);
    prepared.push({ gid, locked });
  };
  const clean = async (): Promise<void> => {
    const isIdle = prepared.length === 0 && sessions.every(({ isOpen }) => !isOpen);
    const rewrites = isIdle && draw(3) === 0;
    mayDouble ||= rewrites && reader.isInFlight;
    await admin.query(rewrites ? 'VACUUM FULL items' : 'VACUUM items');
  };
  const poll = async (): Promise<void> => {
    const after = draw(2) === 0 ? 'read' : 'append';
    const death = draw(3) === 0 ? { death: { page: draw(4), after } as const } : {};
    await reader.poll({ most: 1 + draw(5), ...death });
  };

  const finish = async (session: Session): Promise<void> => {
    if (session.isOpen) await end(session, draw(5) === 0 ? 'ROLLBACK' : 'COMMIT');
  };
  const finishPrepared = (): Promise<void> => endPrepared(draw(4) === 0 ? 'ROLLBACK' : 'COMMIT');
  const times = <T>(count: number, action: T): T[] => Array.from({ length: count }, () => action);
  const actions: readonly ((session: Session) => Promise<void>)[] = [
    ...times(9, write),
    ...times(3, finish),
    prepare,
    finishPrepared,
    clean,
    ...times(5, poll),
  ];
  const step = async (): Promise<void> => {
    const action = actions[draw(actions.length)];
    await action?.(sessions[draw(sessions.length)] as Session);
  };

  for (let count = 0; count < STEPS; count++) await step();
  for (const session of sessions) if (session.isOpen) await end(session, 'COMMIT');
  while (prepared.length > 0) await endPrepared('COMMIT');
  // One run reads up to the horizon that it finds, and finishes first what an earlier one has begun.
  for (let run = 0; run < 3; run++) await reader.poll({ most: 100 });
  const { rows } = await admin.query<Taken>('SELECT id, version FROM items');
  return judge(rows, reader.taken, mayDouble);
}

function judge(rows: readonly Taken[], taken: readonly Taken[], mayDouble: boolean): Outcome {
  const name = ({ id, version }: Taken) => `${id}/${version}`;
  const counts = new Map<string, number>();
  const last = new Map<number, number>();
  const late: Taken[] = [];
  for (const one of taken) {
    counts.set(name(one), (counts.get(name(one)) ?? 0) + 1);
    if (one.version < (last.get(one.id) ?? 0)) late.push(one);
    last.set(one.id, Math.max(one.version, last.get(one.id) ?? 0));
  }
  return {
    lost: rows.filter((row) => !counts.has(name(row))),
    doubled: mayDouble ? [] : [...new Set(taken.filter((one) => (counts.get(name(one)) ?? 0) > 1))],
    late: mayDouble ? [] : late,
  };
}
