import { differencesOfChanges } from '../../pipelines/changes-compared.ts';
import { differences } from '../differences.ts';
import { type Group, groupOf, type Item, isRefused, type Sum, summed, type TablesRun } from './pipeline.ts';
import { DEADLY, TOO_MUCH } from './schedule.ts';

/**
 * Compares the tables, their change streams and the readers of these with what follows from the log's items alone.
 * Returns a line for each violation.
 */
export function violationsOfTables(
  run: TablesRun,
  { texts, isRedriven }: { readonly texts: readonly string[]; readonly isRedriven: boolean },
): readonly string[] {
  const items = run
    .stream('raw')
    .events()
    .flatMap(({ data }) => (isItem(data) ? [data] : []));
  const passed = items.filter((item) => !isRefused(item));
  const tooMuch = passed.filter(({ value }) => value === TOO_MUCH);
  const deadly = passed.filter(({ value }) => value === DEADLY);
  const good = passed.filter(({ value }) => value !== TOO_MUCH && value !== DEADLY);
  const sums = foldOf([...good, ...(isRedriven ? tooMuch : [])]);
  return [
    ...differences('sums', run.table('sums'), sums),
    ...differences('copy', run.table('copy').map(withoutBefore), run.table('sums')),
    ...differencesOfChanges(run, 'sums', 'changes'),
    ...differences('groups', run.table('groups'), groupsOf(sums)),
    ...differences('mirror', run.table('mirror'), run.table('groups')),
    ...differences('history', historyOf(run), changesOf(run)),
    ...differences('dead letters of checking', textsOf(run, 'checking'), [
      ...texts,
      ...items.filter(isRefused).map(({ n }) => n),
    ]),
    ...differences(
      'dead letters of sums',
      textsOf(run, 'sums'),
      [...deadly, ...(isRedriven ? [] : tooMuch)].map(({ n }) => n),
    ),
    ...['groups', 'copy', 'mirror', 'history', 'regrouping'].flatMap((step) =>
      differences(`dead letters of ${step}`, textsOf(run, step), []),
    ),
  ];
}

function isItem(data: unknown): data is Item {
  return typeof data === 'object' && data !== null && 'n' in data;
}

/** Folds the items of each key in their order: an event of the log keeps the order of its key. */
function foldOf(items: readonly Item[]): readonly Sum[] {
  const rows = new Map<string, Sum | undefined>();
  for (const item of items) rows.set(item.key, summed(rows.get(item.key), item));
  return [...rows.values()].filter((row) => row !== undefined);
}

function groupsOf(sums: readonly Sum[]): readonly Group[] {
  return [...Map.groupBy(sums, groupOf)].map(([group, rows]) => ({
    group,
    sum: rows.reduce((total, { sum }) => total + sum, 0),
    rows: rows.length,
  }));
}

function withoutBefore({ key, sum, last }: Readonly<Record<string, unknown>>): object {
  return { key, sum, last };
}

const changesOf = (run: TablesRun): readonly object[] =>
  run
    .stream('changes')
    .events()
    .map(({ type, sequence, data }) => ({ type, sequence, data }));

/** Files have whole events. */
function historyOf(run: TablesRun): readonly object[] {
  const rows = run.bucket('lake').rows() as readonly {
    readonly type: string;
    readonly sequence: string;
    data: object;
  }[];
  return rows.map(({ type, sequence, data }) => ({ type, sequence, data }));
}

function textsOf(run: TablesRun, step: string): readonly (string | number)[] {
  return run.deadLetters(step).map(({ text = '' }) => {
    try {
      return (JSON.parse(text) as { readonly data: Item }).data.n;
    } catch {
      return text.trimEnd();
    }
  });
}
