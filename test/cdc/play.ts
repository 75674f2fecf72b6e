import type pg from 'pg';
import type { PulledEvent } from '../../functions/runtime/source.ts';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { noDeadline } from '../eventually.ts';
import type { PostgresServer } from '../kit/servers.ts';
import { compareWithAudit, compareWithMirror } from './compare.ts';
import { FIELDS, fill, type Random, randomOf, randomTransaction, TABLES } from './statements.ts';

/**
 * What ends a run: its process dies before it appends a page, or after the append and before the position is stored
 * (the reply was lost); a twin reads from the same position and is quicker; the server ends the connection; the server
 * itself crashes.
 */
export const FATES = ['before the append', 'lost reply', 'twin', 'connection', 'crash'] as const;
export type Fate = (typeof FATES)[number];

export interface Played {
  readonly kills: Readonly<Record<Fate, number>>;
  readonly transactions: number;
  readonly statements: number;
  /** Events in the log, duplicates too, and how many readers keep. */
  readonly appended: number;
  readonly events: number;
  /** What differs from the audit or in the mirror. Empty: nothing is lost, doubled or out of order. */
  readonly problems: readonly string[];
}

export interface Plan {
  readonly seed: number;
  readonly kills: number;
  /** Statements to play in all, evenly between the kills. By default a few before each kill. */
  readonly statements?: number;
  /** The rows that are there before the source begins; it reads them in chunks while they are changed. */
  readonly rows?: number;
  /** Crashes the server, and resolves when it answers again. Without it, servers do not crash. */
  crash?(): Promise<void>;
  onKill?(kills: number): void;
}

/** The state that the runtime stores, which moves by compare-and-set. */
interface State {
  revision: number;
  position: ChangesPosition | undefined;
}

/**
 * Plays random transactions and kills on a real server, with the source as the runtime drives it, until the kills are
 * used up. Then it compares what a reader of the stream keeps with what the tables' triggers wrote down, and the tables
 * with their mirrors.
 */
export async function play(server: PostgresServer, plan: Plan): Promise<Played> {
  const database = await server.createDatabase();
  const random = randomOf(plan.seed);
  let client = await server.connect(database);
  await client.query(TABLES);
  const kills: Record<Fate, number> = { 'before the append': 0, 'lost reply': 0, twin: 0, connection: 0, crash: 0 };
  const log: PulledEvent[] = [];
  const state: State = { revision: 0, position: undefined };
  const rows = plan.rows ?? 0;
  if (rows > 0) await client.query(fill(rows));
  const open = () => openSource(server, database, rows > 0 ? 'initial' : 'none');
  const context = { open, log, state };
  let transactions = 0;
  let statements = 0;
  const playTransaction = async (): Promise<void> => {
    const { text, count } = randomTransaction(random);
    await client.query(text).catch(async (error: pg.DatabaseError) => {
      if (error.code === undefined) throw error;
      await client.query('ROLLBACK');
    });
    transactions++;
    statements += count;
  };
  const share = (plan.statements ?? 0) / plan.kills;

  if (rows === 0) await readToTheEnd(context);
  for (let killed = 0; killed < plan.kills; ) {
    for (let count = random.below(4); count >= 0; count--) await playTransaction();
    while (statements < share * killed) await playTransaction();
    const fate = fateOf(random, plan, kills.crash);
    const killer: Killer = {
      fate,
      page: random.below(3) === 0 ? 1 : 0,
      async act() {
        killed++;
        kills[fate]++;
        if (fate === 'connection') await client.query(END_READERS, [database]);
        if (fate !== 'crash') return;
        await client.end().catch(() => undefined);
        await plan.crash?.();
        client = await server.connect(database);
      },
    };
    await run(context, killer);
    plan.onKill?.(killed);
  }
  await readToTheEnd(context);
  const events = kept(log);
  // Rows of a snapshot are no changes that a trigger saw: the mirrors show whether all is there.
  const audited = rows > 0 ? [] : await compareWithAudit(client, events);
  const problems = [...audited, ...(await compareWithMirror({ server, database, client, random }, events))];
  await client.query('SELECT pg_drop_replication_slot($1)', [state.position?.slot]).catch(() => undefined);
  await client.end();
  return { kills, transactions, statements, appended: log.length, events: events.length, problems };
}

const END_READERS = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = $1`;

/** So many of a hundred kills are crashes of the server, which take a second each. */
const CRASHES = 3;

/** The guard of a server starts it again so often, and a few times more. */
const MOST_CRASHES = 18;

function fateOf(random: Random, { crash }: Plan, crashes: number): Fate {
  if (crash !== undefined && crashes < MOST_CRASHES && random.below(100) < CRASHES) return 'crash';
  return FATES[random.below(FATES.length - 1)] as Fate;
}

/** So often a run that ends with an error is repeated, as a schedule does. */
const MOST_RUNS = 1_000;

async function readToTheEnd(context: Context): Promise<void> {
  const { state } = context;
  for (let runs = 0; runs < MOST_RUNS; runs++) {
    const isWhole = await run(context, undefined);
    if (isWhole && state.position?.snapshot === undefined && state.position?.chunk === undefined) return;
  }
  throw new Error(`the source has not come to the end in ${MOST_RUNS} runs`);
}

/** Ends a run at one of its pages. */
interface Killer {
  readonly fate: Fate;
  readonly page: number;
  act(): Promise<void>;
}

interface Context {
  open(): ReturnType<typeof postgresChangesDefinition.open>;
  readonly log: PulledEvent[];
  readonly state: State;
}

/** A run that takes a snapshot ends after so many pages. */
const MOST_CHUNKS = 6;

/**
 * Reads as one run of the runtime does: appends each page, then stores its position, then asks for the next one.
 * Resolves to true when it has read what was committed before it began.
 */
async function run(context: Context, killer: Killer | undefined): Promise<boolean> {
  const { open, log, state } = context;
  const ending = new AbortController();
  let { revision } = state;
  const started = state.position;
  let pages = 0;
  let chunks = 0;
  try {
    for await (const page of open().read(started, { ending: ending.signal, signal: noDeadline(), most: 10_000 })) {
      const isDue = killer !== undefined && page.events.length > 0 && pages++ >= killer.page;
      if (isDue && (await dies(context, killer))) return false;
      log.push(...page.events);
      // The process died before it stored the position, or the twin was quicker.
      if ((isDue && killer.fate === 'lost reply') || state.revision !== revision) return false;
      state.position = page.position;
      state.revision = ++revision;
      const { read, snapshot } = page.position;
      const isCaughtUp = read?.last?.token !== started?.read?.last?.token;
      // With a snapshot to take, a run takes some of its chunks.
      if (isCaughtUp && (snapshot === undefined || ++chunks > MOST_CHUNKS)) ending.abort();
    }
  } catch (error) {
    if (!isBroken(error)) throw error;
  }
  return ending.signal.aborted;
}

/** Strikes. Resolves to true when the process is dead before it could append the page. */
async function dies(context: Context, killer: Killer): Promise<boolean> {
  await killer.act();
  if (killer.fate === 'twin') await run(context, undefined);
  return killer.fate === 'before the append';
}

/** True when the connection was ended, as the killer does it, or did not come about on a busy machine. */
function isBroken(error: unknown): boolean {
  return (
    error instanceof Error && /terminat|closed|ECONN|EPIPE|shut|recovery|starting|reset|timeout/i.test(error.message)
  );
}

function openSource({ host, port, user, password }: PostgresServer, database: string, snapshot: 'initial' | 'none') {
  return postgresChangesDefinition.open({
    step: 'cdc/changes',
    pipelines: ['cdc'],
    options: postgresChangesDefinition.options.parse({ tables: ['accounts', 'parts'], snapshot, create: true }),
    resources: postgresChangesDefinition.resources.parse({
      ...{ host, port, database, user, auth: { password }, tls: 'off' },
      fields: FIELDS.map((name) => ({ name, accepts: [], isRequired: false })),
    }),
  });
}

/** What a reader of the stream keeps: events that are higher than all before them. */
function kept(log: readonly PulledEvent[]): readonly PulledEvent[] {
  let mark = '';
  return log.filter(({ place }) => {
    if (place <= mark) return false;
    mark = place;
    return true;
  });
}
