import type { Random } from '../infra/sql/random.ts';
import { type Input, type QueryWindow, randomWindow, simplerWindows, windowClause, windowedRows } from './window.ts';

/** A random statement of a table that can be taken apart, as it is written here and for Postgres. */
export interface TableQuery extends Input {
  /** Over the columns of the stream. The first one is the key of its events, so that a row has one writer. */
  readonly keys: readonly string[];
  /** What the table shows beside its key: aggregates, or expressions over the row of DISTINCT ON. */
  readonly values: readonly Sides[];
  readonly where: string | undefined;
  readonly having: string | undefined;
  /** Whether it reads each tag of an event as a row. */
  readonly unnests: boolean;
  /** What orders the rows of a key: then it keeps the first one. Undefined: it groups. */
  readonly order: string | undefined;
  readonly window?: QueryWindow | undefined;
}

/** An expression here, and in Postgres where that is another one. */
export interface Sides {
  readonly ours: string;
  readonly theirs: string;
}

export const both = (text: string): Sides => ({ ours: text, theirs: text });

/** Postgres may sort the rows of a query before it groups them, here they come as in the log. */
const inLogOrder = (call: string, filter: string): Sides => ({
  ours: `${call})${filter}`,
  theirs: `${call} ORDER BY seq)${filter}`,
});

/** Some of them fail now and then: a division by zero, or an integer that is too large. */
const KEYS = ['g', 'ok', 'day', 't', 'b', 'n % 3', '12 / n', "date_trunc('month', at)", 'upper(g)', 'type'];
const FILTERS = ['', '', '', ' FILTER (WHERE ok)', ' FILTER (WHERE n > 0)', ' FILTER (WHERE t IS NOT NULL)'];
const WHERE = ['n > 0', 'ok', 't IS NOT NULL', "type = 'kept'", 'd > 0.5 OR ok IS NOT TRUE', "at >= '2026-01-02'"];
const HAVING = ['count(*) > 2', 'sum(n) > 0', 'max(d) IS NULL OR max(d) > 1', 'bool_or(ok)', "min(at) < '2026-01-03'"];
const ORDERS = ['time DESC', 'at DESC', 'n DESC', 'at', 'd DESC NULLS LAST, n', 'ok, at DESC'];
const ROW = ['n', 'd', 't', 'at', 'tags', 'n + 1', 'upper(t)', 'key', '100 / n'];

type Call = (random: Random, filter: string) => Sides;

const CALLS: readonly Call[] = [
  (_, filter) => both(`count(*)${filter}`),
  (random, filter) => both(`count(${random.pick(['t', 'DISTINCT t', 'DISTINCT n', 'b'])})${filter}`),
  (random, filter) => both(`sum(${random.pick(['n', 'b', 'd', 'DISTINCT n'])})${filter}`),
  (random, filter) => both(`avg(${random.pick(['n', 'b', 'd'])})${filter}`),
  (random, filter) => {
    const call = random.pick(['sum(f', 'avg(f', 'array_agg(n', "string_agg(t, ','"]);
    return inLogOrder(call, filter);
  },
  (random, filter) =>
    both(`${random.pick(['stddev', 'variance', 'var_pop', 'stddev_pop'])}(${random.pick(['n', 'd'])})${filter}`),
  (random, filter) =>
    both(`${random.pick(['min', 'max'])}(${random.pick(['n', 'd', 't', 'at', 'day', 'b'])})${filter}`),
  (random, filter) => both(`${random.pick(['bool_and', 'bool_or', 'every'])}(ok)${filter}`),
  (random, filter) =>
    both(
      `${random.pick(["string_agg(DISTINCT t, '|' ORDER BY t DESC)", 'array_agg(DISTINCT t ORDER BY t)', 'array_agg(DISTINCT n ORDER BY n)'])}${filter}`,
    ),
  (random, filter) => {
    const value = random.pick(['t', 'n', 'd', 'ok']);
    return {
      ours: `latest(${value}, at)${filter}`,
      theirs: `(array_agg(${value} ORDER BY at DESC, seq DESC)${filter})[1]`,
    };
  },
  (random, filter) => {
    const value = random.pick(['t', 'n', 'b']);
    return {
      ours: `earliest(${value}, time)${filter}`,
      theirs: `(array_agg(${value} ORDER BY "time", seq)${filter})[1]`,
    };
  },
  (_, filter) => ({
    ours: `array_agg(d ORDER BY at, n)${filter}`,
    theirs: `array_agg(d ORDER BY at, n, seq)${filter}`,
  }),
  (_, filter) => ({ ours: `topk(n, 2)${filter}`, theirs: `(array_agg(n ORDER BY n DESC)${filter})[1:2]` }),
  (_, filter) => ({
    ours: `topkdistinct(n, 2)${filter}`,
    theirs: `(array_agg(DISTINCT n ORDER BY n DESC)${filter})[1:2]`,
  }),
  (_, filter) => both(`histogram(t)${filter}`),
  // Expressions over aggregates, two of which fail for some rows: then the event that makes the row is rejected.
  (_, filter) => both(`round(avg(d)${filter}, 2)`),
  () => both('sum(n) * 2 + count(*)'),
  () => both('sum(n * 1000)::integer'),
  () => both('100 / (count(*) - 4)'),
  () => both("coalesce(max(t), 'none') || count(*)::text"),
];

/** Makes a random statement; with `windows`, one that groups by windows too. */
export function randomQuery(random: Random, { windows = false }: { readonly windows?: boolean } = {}): TableQuery {
  const window = windows ? randomWindow(random) : undefined;
  const unnests = random.chance(0.2);
  const choices = unnests ? [...KEYS, 'tag', 'tag'] : KEYS;
  const keys = new Set(['k', ...Array.from({ length: random.below(3) }, () => random.pick(choices))]);
  const isRow = !windows && random.chance(0.2);
  const count = 1 + random.below(4);
  const values = isRow
    ? Array.from({ length: count }, () => both(random.pick(ROW)))
    : Array.from({ length: count }, () => randomCall(random, window));
  return {
    keys: [...keys],
    values,
    where: random.chance(0.3) ? random.pick(WHERE) : undefined,
    having: !isRow && random.chance(0.4) ? random.pick(HAVING) : undefined,
    unnests,
    order: isRow ? random.pick(ORDERS) : undefined,
    window,
  };
}

/** Two sessions that become one have their rows in no order of the log, so nothing there may depend on that order. */
function randomCall(random: Random, window: QueryWindow | undefined): Sides {
  for (;;) {
    const call = random.pick(CALLS)(random, random.pick(FILTERS));
    if (window?.kind !== 'session' || !/\bseq\b/.test(call.theirs)) return call;
  }
}

/** Writes the statement of the table with this name. */
export function tableText(query: TableQuery, name: string): string {
  return `CREATE TABLE ${name} AS ${selectText(query, 'ours')}`;
}

/**
 * Writes the SELECT, over a stream of the name `s`. For Postgres, the place in the log breaks ties of an order, and
 * `shown` chooses among windows.
 */
export function selectText(query: TableQuery, side: keyof Sides, shown = 'true'): string {
  const { keys, values, where, having, unnests, order, window } = query;
  const columns = [
    ...keys.map((key, i) => `${key} AS k${i}`),
    ...(window === undefined ? [] : ['window_start AS w0']),
    ...(window === undefined || window.hidesEnd ? [] : ['window_end AS w1']),
    ...values.map((value, i) => `${value[side]} AS x${i}`),
  ];
  const positions = keys.map((_, i) => i + 1).join(', ');
  const hides = having === undefined ? '' : ` HAVING ${having}`;
  if (window !== undefined && side === 'theirs') {
    const groups = `${positions}, window_start, window_end`;
    return `SELECT ${columns.join(', ')} FROM (${windowedRows(query, window)}) w WHERE ${shown} GROUP BY ${groups}${hides}`;
  }
  const tie = side === 'ours' || order === undefined ? '' : /DESC[^,]*$/.test(order) ? ', seq DESC' : ', seq';
  return [
    `SELECT ${order === undefined ? '' : `DISTINCT ON (${positions}) `}${columns.join(', ')} FROM s`,
    unnests ? ', unnest(tags) AS tag' : '',
    window === undefined ? '' : ` ${windowClause(window)}`,
    where === undefined ? '' : ` WHERE ${where}`,
    order === undefined ? ` GROUP BY ${positions}` : ` ORDER BY ${positions}, ${order}${tie}`,
    hides,
    window?.emit === 'final' ? ' EMIT FINAL' : '',
  ].join('');
}

/** Queries with a part less. */
export function simplerQueries(query: TableQuery): readonly TableQuery[] {
  const without = <T>(list: readonly T[], at: number): readonly T[] => list.filter((_, i) => i !== at);
  const { keys, values, where, having, unnests, window } = query;
  return [
    ...(window === undefined ? [] : simplerWindows(window).map((simpler) => ({ ...query, window: simpler }))),
    ...(where === undefined ? [] : [{ ...query, where: undefined }]),
    ...(having === undefined ? [] : [{ ...query, having: undefined }]),
    ...(unnests && !keys.includes('tag') ? [{ ...query, unnests: false }] : []),
    ...keys.slice(1).map((_, i) => ({ ...query, keys: without(keys, i + 1) })),
    ...(values.length > 1 ? values.map((_, i) => ({ ...query, values: without(values, i) })) : []),
  ];
}
