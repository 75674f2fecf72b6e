import { type Item, isDeadly, isItem, isTurned, REFUSING, type Row, type Run, TABLES, turnOf } from './chain.ts';
import { comeAgain, dataOf, expectedOf, type Numbered, textOf } from './expected.ts';
import type { Input } from './input.ts';

/**
 * Compares every sink, the log and the dead letters with what follows from the input and the pure transforms alone.
 * Returns one line for each violation: a row that is missing, doubled or before its predecessor, and an event that is
 * neither a row nor a dead letter, or both.
 */
export function violationsOf(run: Run, input: Input): readonly string[] {
  const items = run
    .stream('raw')
    .events()
    .flatMap(({ data }) => (isItem(data) ? [data] : []));
  const expected = expectedOf(items, input);
  const history = rowsOf(run.table('history'), input);
  const ledger = rowsOf(run.table('ledger'), input);
  const lake = rowsOf(
    run
      .bucket('lake')
      .rows()
      .map((event) => (event as { data: Row }).data),
    input,
  );
  const latest = rowsOf(run.table('latest'), input);
  const allowed = { mayDouble: input.mayDouble };
  const ordered = { anyOrder: new Set([...input.mayDouble, ...comeAgain(input)]) };
  // Old and new code turn a row to different keys, and there is no order between keys.
  const isOrdered = (row: Row): boolean => !input.isChanged || row.to !== 'turned';
  return [
    ...violationsOfLog(items, input),
    ...differences('history', history, { expected: again(expected.taken.history, input), ...allowed }),
    ...differences('ledger', ledger, { expected: again(expected.taken.ledger, input), ...allowed }),
    ...differences('lake', lake, { expected: again(expected.all, input), ...allowed }),
    ...violationsOfLatest(latest, expected.taken.latest, input),
    ...disorder('history', history.filter(isOrdered), { expected: expected.taken.history, ...ordered }),
    ...disorder('ledger', ledger.filter(isOrdered), { expected: expected.taken.ledger, ...ordered }),
    ...disorder('lake', lake.filter(isOrdered), { expected: expected.all, ...ordered }),
    ...letters(run, 'files', { expected: input.brokenLines }),
    ...letters(run, 'first', { expected: [...input.undecodable.raw, ...expected.refused.first] }),
    ...letters(run, 'second', { expected: [...input.undecodable.mid, ...expected.refused.second], ...allowed }),
    ...TABLES.flatMap((table) =>
      letters(run, table, { expected: [...input.undecodable.end, ...expected.refused[table]], ...allowed }),
    ),
    ...letters(run, 'lake', { expected: input.undecodable.end }),
    ...REFUSING.flatMap((step) => wrongReasons(run, step)),
  ];
}

/** Checks that the log holds acknowledged items once and in order, and unacknowledged items at most once. */
function violationsOfLog(items: readonly Item[], { acknowledged, unacknowledged }: Input): readonly string[] {
  const maybe = new Set(unacknowledged.map(textOf));
  const certain = items.filter((item) => !maybe.has(textOf(item)));
  const others = items.filter((item) => maybe.has(textOf(item)));
  return [
    ...differences('raw', certain, { expected: acknowledged }),
    ...differences('raw, unacknowledged,', others, {
      expected: [...new Map(others.map((item) => [textOf(item), item])).values()],
    }),
    ...disorder('raw', certain, { expected: acknowledged }),
  ];
}

/** Hides the key of turned rows once the code was changed: old and new code turn a row to different keys. */
function rowsOf(found: readonly object[], { isChanged }: Input): readonly Row[] {
  return (found as readonly Row[]).map((row) => {
    const isFit = [false, ...(isChanged ? [true] : [])].some((changed) => turnOf(row.n, changed) === row.to);
    return isFit ? turned(row) : row;
  });
}

function turned(row: Row): Row {
  return isTurned(row) ? { ...row, to: 'turned' } : row;
}

/** Adds the rows that a rewound transform has sent again. */
function again(rows: readonly Row[], { mustDouble }: Input): readonly Row[] {
  return [...rows, ...rows.filter(({ n }) => mustDouble.has(n))];
}

/**
 * Checks a table that keeps the last row of each key. After a change of code the table may have a row from the old and
 * one from the new code; and a late request of the old code may overwrite a row of the batch that was in flight with an
 * older one.
 */
function violationsOfLatest(found: readonly Row[], rows: readonly Row[], input: Input): readonly string[] {
  if (!input.isChanged) return differences('latest', found, { expected: lastOf(rows).map(turned) });
  const known = new Set(rows.map((row) => textOf(turned(row))));
  const keysInFlight = new Set(found.filter(({ n }) => input.mayDouble.has(n)).map(({ from }) => from));
  const isCertain = (row: Row): boolean => !isTurned(row) && row.to !== 'turned' && !keysInFlight.has(row.from);
  return [
    ...differences('latest', found.filter(isCertain), { expected: lastOf(rows).filter(isCertain) }),
    ...found.filter((row) => !known.has(textOf(row))).map((row) => `latest: ${textOf(row)} is unexpected`),
  ];
}

function lastOf(rows: readonly Row[]): readonly Row[] {
  return [...new Map(rows.map((row) => [`${row.from} ${row.to}`, row])).values()];
}

interface Comparison<One> {
  readonly expected: readonly One[];
  /** The numbers whose rows may be doubled. */
  readonly mayDouble?: ReadonlySet<number>;
}

/** Returns a line for everything that is missing or doubled. */
function differences(
  where: string,
  found: readonly (Numbered | string)[],
  { expected, mayDouble }: Comparison<Numbered | string>,
): readonly string[] {
  const counts = new Map<string, { surplus: number; readonly of: Numbered | string }>();
  const count = (of: Numbered | string, change: number): void => {
    const text = typeof of === 'string' ? of : textOf(of);
    const counted = counts.get(text) ?? { surplus: 0, of };
    counted.surplus += change;
    counts.set(text, counted);
  };
  for (const one of found) count(one, 1);
  for (const one of expected) count(typeof one === 'object' && 'from' in one ? turned(one) : one, -1);
  return [...counts].flatMap(([text, { surplus, of }]) => {
    if (surplus === 0 || (surplus > 0 && typeof of === 'object' && mayDouble?.has(of.n))) return [];
    return [`${where}: ${text} is ${surplus > 0 ? 'doubled or unexpected' : 'missing'}`];
  });
}

/** Returns a line for every row or item that comes before its predecessor of the same key. */
function disorder<One extends Numbered>(
  where: string,
  found: readonly One[],
  { expected, anyOrder }: { readonly expected: readonly One[]; readonly anyOrder?: ReadonlySet<number> },
): readonly string[] {
  const order = new Map(expected.map((one, index) => [one.n, index]));
  const last = new Map<string, One>();
  return found.flatMap((one) => {
    if (anyOrder?.has(one.n)) return [];
    const key = 'from' in one ? `${one.from} ${one.to === 'turned' ? one.n % 3 : ''}` : one.key;
    const before = last.get(key);
    last.set(key, one);
    if (before === undefined || (order.get(before.n) ?? 0) <= (order.get(one.n) ?? 0)) return [];
    return [`${where}: ${textOf(one)} comes after ${textOf(before)}`];
  });
}

/** Checks that events that kill, and no others, are rejected as `killed`, after three deaths or more. */
function wrongReasons(run: Run, step: (typeof REFUSING)[number]): readonly string[] {
  return run.deadLetters(step).flatMap(({ text = '', reason, message }) => {
    const data = dataOf(text);
    const kills = typeof data === 'object' && isDeadly(step, data);
    const isKilled = reason === 'killed' && /died [3-9] times in a row with nothing but this/.test(message);
    return kills === isKilled ? [] : [`dead letters of ${step}: ${text} was rejected as ${reason}: ${message}`];
  });
}

/** Checks that a step has these dead letters and no others. */
function letters(run: Run, step: string, comparison: Comparison<Numbered | string>): readonly string[] {
  const found = run.deadLetters(step).map(({ text = '' }): Numbered | string => {
    const data = dataOf(text);
    return typeof data === 'object' && 'to' in data ? turned(data) : data;
  });
  return differences(`dead letters of ${step}`, found, comparison);
}
