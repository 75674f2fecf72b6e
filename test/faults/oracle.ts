import { doubled, type Item, passed, type Row, refusedByTable, TABLES } from './chain.ts';
import type { Input } from './input.ts';
import type { Run } from './play.ts';

/**
 * What has to be everywhere follows from the input and from the pure transforms alone. What is not as it has to be, a line each: a row
 * that is missing, doubled or before its predecessor, and an event that is neither a row nor a dead letter, or both.
 */
export function violationsOf(run: Run, input: Input): readonly string[] {
  const taken = run.stream('raw').events().filter(isItem);
  const items = taken.map(({ data }) => data as Item);
  const expected = expectedOf(items);
  const lake = run
    .bucket('lake')
    .rows()
    .map((event) => (event as { data: Row }).data);
  return [
    ...violationsOfLog(items, input),
    ...differences('history', run.table('history') as readonly Row[], expected.rows),
    ...differences('ledger', run.table('ledger') as readonly Row[], expected.rows),
    ...differences('latest', run.table('latest') as readonly Row[], lastOf(expected.rows)),
    ...differences('lake', lake, expected.all),
    ...disorder('history', run.table('history') as readonly Row[], expected.rows),
    ...disorder('ledger', run.table('ledger') as readonly Row[], expected.rows),
    ...disorder('lake', lake, expected.all),
    ...letters(run, 'files', input.brokenLines),
    ...letters(run, 'first', [...input.undecodable.raw, ...expected.refusedFirst.map(textOf)]),
    ...letters(run, 'second', [...input.undecodable.mid, ...expected.refusedSecond.map(textOf)]),
    ...TABLES.flatMap((table) =>
      letters(run, table, [...input.undecodable.end, ...expected.refusedByTable.map(textOf)]),
    ),
    ...letters(run, 'lake', input.undecodable.end),
  ];
}

function isItem({ data }: { readonly data: unknown }): boolean {
  return typeof data === 'object' && data !== null && 'n' in data;
}

/** The log has what it acknowledged, once and in order; and of what it did not, nothing twice. */
function violationsOfLog(items: readonly Item[], { acknowledged, unacknowledged }: Input): readonly string[] {
  const known = new Set(acknowledged.map(textOf));
  const maybe = new Set(unacknowledged.map(textOf));
  const certain = items.filter((item) => !maybe.has(textOf(item)));
  return [
    ...differences('raw', certain, acknowledged),
    ...differences(
      'raw, of what was not acknowledged,',
      items.filter((item) => !known.has(textOf(item))),
      [...new Set(items.map(textOf))].filter((text) => maybe.has(text)).map((text) => JSON.parse(text) as Item),
    ),
    ...disorder('raw', certain, acknowledged),
  ];
}

interface Expected {
  /** In the order of the log, per key. */
  readonly all: readonly Row[];
  /** Those that tables take. */
  readonly rows: readonly Row[];
  readonly refusedFirst: readonly Item[];
  readonly refusedSecond: readonly Row[];
  readonly refusedByTable: readonly Row[];
}

function expectedOf(items: readonly Item[]): Expected {
  const first = items.map((item) => ({ of: item, ...outcomeOf(() => doubled(item)) }));
  const second = first.flatMap(({ made }) => made).map((row) => ({ of: row, ...outcomeOf(() => passed(row)) }));
  const all = second.flatMap(({ made }) => made);
  return {
    all,
    rows: all.filter((row) => refusedByTable(row) === undefined),
    refusedFirst: first.filter(({ isRefused }) => isRefused).map(({ of }) => of),
    refusedSecond: second.filter(({ isRefused }) => isRefused).map(({ of }) => of),
    refusedByTable: all.filter((row) => refusedByTable(row) !== undefined),
  };
}

function outcomeOf<Made>(transform: () => readonly Made[]): { made: readonly Made[]; isRefused: boolean } {
  try {
    return { made: transform(), isRefused: false };
  } catch {
    return { made: [], isRefused: true };
  }
}

/** What a table keeps that has one row for each key. */
function lastOf(rows: readonly Row[]): readonly Row[] {
  return [...new Map(rows.map((row) => [`${row.from} ${row.to}`, row])).values()];
}

/** What is missing and what is there too often. */
function differences(where: string, found: readonly object[], expected: readonly object[]): readonly string[] {
  return differencesOfTexts(where, found.map(textOf), expected.map(textOf));
}

function differencesOfTexts(where: string, found: readonly string[], expected: readonly string[]): readonly string[] {
  const count = new Map<string, number>();
  for (const text of found) count.set(text, (count.get(text) ?? 0) + 1);
  for (const text of expected) count.set(text, (count.get(text) ?? 0) - 1);
  return [...count].flatMap(([text, surplus]) => {
    if (surplus === 0) return [];
    return [`${where}: ${text} is ${surplus > 0 ? 'there too often' : 'missing'}`];
  });
}

/** Where, of one key, something comes before what it should come after. */
function disorder<Keyed extends Item | Row>(
  where: string,
  found: readonly Keyed[],
  expected: readonly Keyed[],
): readonly string[] {
  const place = new Map(expected.map((one, index) => [textOf(one), index]));
  const last = new Map<string, Keyed>();
  return found.flatMap((one) => {
    const way = 'from' in one ? `${one.from} ${one.to}` : one.key;
    const before = last.get(way);
    last.set(way, one);
    if (before === undefined || (place.get(textOf(before)) ?? 0) <= (place.get(textOf(one)) ?? 0)) return [];
    return [`${where}: ${textOf(one)} comes after ${textOf(before)}`];
  });
}

/** A step has these dead letters and no others. */
function letters(run: Run, step: string, expected: readonly string[]): readonly string[] {
  const found = run.deadLetters(step).map(({ text = '' }) => {
    try {
      return textOf((JSON.parse(text) as { data: object }).data);
    } catch {
      return text.trimEnd();
    }
  });
  return differencesOfTexts(`dead letters of ${step}`, found, expected);
}

/** JSON whose fields are sorted. */
function textOf(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
