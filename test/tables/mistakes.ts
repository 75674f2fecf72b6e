import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';
import type { OracleServer } from '../infra/sql/oracle.ts';
import { both, type TableQuery } from './query.ts';
import type { QueryWindow } from './window.ts';

const TABLE = 'functions/runtime/sql/sql-table.ts';
const JUDGE = 'functions/table-state/judge-windows.ts';

/** Lets a child shard begin without a time: it takes the events of windows that its parent has closed. */
const CHILD_WITHOUT_TIME = {
  file: 'functions/runtime/checkpoints/shard-states.ts',
  text: 'const clock = inherited.clocks.length === 0 ? undefined : inheritedClock(inherited.clocks, shard);',
  mistake: 'const clock = undefined;',
};

/** Mistakes that somebody might make with tables in SQL. The comparison with Postgres has to catch each of them. */
export const sqlTableMistakes: Readonly<Record<string, Mistake>> = {
  /** Shows every group, as if HAVING were not there: a basket keeps what was taken out of it. */
  'a-group-kept-at-zero-rows': [
    { file: TABLE, text: 'if (!statement.having(key, results, place)) return false;', mistake: '' },
  ],

  /** Forgets the state of a row that HAVING hides: −1 and then +1 is 1. */
  'having-filters-the-state': [
    {
      file: 'functions/table-state/fold.ts',
      text: 'after.set(id, { state: save(state), row: rowOf(state), eventKey, window, held });',
      mistake: `const shown = rowOf(state);
      after.set(id, shown === undefined ? undefined : { state: save(state), row: shown, eventKey, window, held });`,
    },
  ],

  /** Takes the last event in the log for the latest one: an older event replaces a newer one. */
  'an-older-row-replaces-a-newer-one': [
    {
      file: 'functions/runtime/sql/aggregates/first-row.ts',
      text: 'return order < 0 || (order === 0 && takesEqual) ? row : kept;',
      mistake: 'return row;',
    },
  ],

  /** Takes null and an empty text for the same key. */
  'null-keys-are-empty-texts': [
    { file: 'functions/runtime/sql/aggregates/identity.ts', text: "joined += '-';", mistake: "joined += '0:';" },
  ],

  /** Keeps what a rejected event has changed already, when it meets several rows. */
  'half-of-an-event-counts': [
    {
      file: 'functions/table-state/fold.ts',
      text: 'for (const row of rows) meet(meeting, row);',
      mistake: `for (const row of rows) {
    meet(meeting, row);
    for (const [id, next] of meeting.next) keep(folding, id, next);
  }`,
    },
  ],

  /** Finds out only when a batch is written that a row cannot be made: the events before it go with it. */
  'rows-are-made-too-late': [
    { file: TABLE, text: 'const row = rowOf(group);', mistake: 'return group;\n    let row;' },
  ],

  /** Takes the row of one state for that of the next. */
  'a-row-is-kept-too-long': [
    { file: TABLE, text: 'return { ...group, whole: left };', mistake: 'return { ...before, ...group, whole: left };' },
  ],

  /** Reads the states of the batch before, and not those of its own events. */
  'a-state-is-read-once': [
    {
      file: 'functions/table-state/fold.ts',
      text: 'return known !== undefined || kept.has(id) ? known : loaded(table, before.get(id));',
      mistake: 'return loaded(table, before.get(id));',
    },
  ],

  /** Takes an event when the grace period is just over. */
  'grace-off-by-one': [
    { file: JUDGE, text: 'return end + graceMillis <= watermark;', mistake: 'return end + graceMillis < watermark;' },
  ],

  'hopping-windows-closed-twice-after-a-reshard': [
    CHILD_WITHOUT_TIME,
    {
      file: 'functions/table-state/fold.ts',
      text: 'return met?.window?.isOpen === false ? { ...row.in, isOpen: false } : row.in;',
      mistake: 'return row.in;',
    },
  ],

  'sessions-closed-twice-after-a-reshard': [CHILD_WITHOUT_TIME],

  /** Gives the row of a window to the next one, where another one begins in between. */
  'the-row-of-the-neighbour-window': [
    {
      file: TABLE,
      text: 'checkIdSize(inWindow);\n  return inWindow;',
      mistake: 'return inWindow.slice(0, -5);',
    },
  ],
};

const windowed = (window: Pick<QueryWindow, 'kind' | 'advance' | 'grace'>): TableQuery => ({
  keys: ['k'],
  values: [both('count(*)'), both('sum(n)')],
  where: undefined,
  having: undefined,
  unnests: false,
  order: undefined,
  window: { ...window, size: 60, retention: undefined, emit: 'final', hidesEnd: false },
});
const hopping = windowed({ kind: 'hopping', advance: 30, grace: 0 });
const session = windowed({ kind: 'session', advance: 60, grace: 0 });

/** Queries for what random ones seldom meet: an event of several rows, of which one fails; or one kind of windows. */
const CHOSEN: Readonly<Record<string, TableQuery>> = {
  'grace-off-by-one': windowed({ kind: 'tumbling', advance: 60, grace: 20 }),
  'hopping-windows-closed-twice-after-a-reshard': hopping,
  'sessions-closed-twice-after-a-reshard': session,
  'the-row-of-the-neighbour-window': hopping,
  'half-of-an-event-counts': {
    keys: ['k', 'tag'],
    values: [both('100 / (count(*) - 3)')],
    where: undefined,
    having: undefined,
    unnests: true,
    order: undefined,
  },
};

interface Hunt extends Seeds {
  readonly mistake: string;
  readonly server: OracleServer;
}

/** Seeds from which the comparison finds a mistake at once; it finds the others from 0 on. */
export const caughtInSqlTablesFrom: Readonly<Record<string, number>> = {
  'a-row-is-kept-too-long': 1,
  'rows-are-made-too-late': 2,
  'null-keys-are-empty-texts': 3,
  'grace-off-by-one': 7,
};

/** Plants a mistake in a thread of its own and compares. Resolves to the first difference, if there is one. */
export function caughtInSqlTables(hunt: Hunt): Promise<string | undefined> {
  return hunted(import.meta.url, hunt);
}

await huntInThread(import.meta.url, async ({ mistake, server, ...seeds }: Hunt) => {
  plant(mistake, sqlTableMistakes[mistake] as Mistake);
  const [{ connectOracle }, { compareQueries, compareTables, differenceText }, { prepareTruth }] = await Promise.all([
    import('../infra/sql/oracle.ts'),
    import('./compare.ts'),
    import('./truth.ts'),
  ]);
  const oracle = await connectOracle(server);
  const chosen = CHOSEN[mistake];
  const compare = async (seed: number): Promise<readonly string[]> => {
    const difference =
      chosen === undefined
        ? (await compareTables(oracle, { queries: 10, streams: 1, seed })).difference
        : await compareQueries(oracle, [chosen], { playing: { seed } });
    return difference === undefined ? [] : [differenceText(difference)];
  };
  try {
    await prepareTruth(oracle);
    return await firstViolation(compare, seeds);
  } finally {
    await oracle.stop();
  }
});
