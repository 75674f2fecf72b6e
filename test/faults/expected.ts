import { doubled, type Item, isDeadly, isRefused, type Refusing, type Row, type TABLES } from './chain.ts';
import type { Input } from './input.ts';

export type Numbered = Item | Row;

/** What follows from the items in the log. */
export interface Expected {
  /** In the order of the log, per key. */
  readonly all: readonly Row[];
  /** What each table takes of that. */
  readonly taken: Readonly<Record<TableName, readonly Row[]>>;
  readonly refused: Readonly<Record<TableName | 'second', readonly Row[]> & Record<'first', readonly Item[]>>;
}

type TableName = (typeof TABLES)[number];

export function expectedOf(items: readonly Item[], input: Input): Expected {
  const first = taken('first', items, input);
  const second = taken(
    'second',
    first.flatMap((item) => doubled(item)),
    input,
  );
  const byTable = (work: typeof taken): Expected['taken'] => ({
    history: work('history', second, input),
    latest: work('latest', second, input),
    ledger: work('ledger', second, input),
  });
  return {
    all: second,
    taken: byTable(taken),
    refused: {
      first: refused('first', items, input),
      second: refused(
        'second',
        first.flatMap((item) => doubled(item)),
        input,
      ),
      ...byTable(refused),
    },
  };
}

/** In the order in which they come to a step: what was redriven for it comes last. */
function taken<One extends Numbered>(step: Refusing, all: readonly One[], input: Input): readonly One[] {
  const some = all.filter((one) => !rejects(step, one, input));
  return [
    ...some.filter((one) => !isRedriven(step, one, input)),
    ...some.filter((one) => isRedriven(step, one, input)),
  ];
}

function refused<One extends Numbered>(step: Refusing, all: readonly One[], input: Input): readonly One[] {
  return all.filter((one) => rejects(step, one, input));
}

/** Until it is mended; and then what was not redriven is a dead letter still. */
function rejects(step: Refusing, one: Numbered, input: Input): boolean {
  if (!isRefused(step, one) && !isDeadly(step, one)) return false;
  const mended = input.mended.get(step);
  return mended === undefined || (mended.before.has(one.n) && !isRedriven(step, one, input));
}

function isRedriven(step: Refusing, one: Numbered, { mended }: Input): boolean {
  return mended.get(step)?.redriven.has(textOf(one)) === true;
}

/** The numbers of what comes behind newer events of its key, because it was redriven. */
export function comeAgain({ mended }: Input): readonly number[] {
  return [...mended.values()].flatMap(({ redriven }) => [...redriven].map((text) => (JSON.parse(text) as Numbered).n));
}

/** What a dead letter's text was the event of; the text itself, of what was no event. */
export function dataOf(text: string): Numbered | string {
  try {
    return (JSON.parse(text) as { readonly data: Numbered }).data;
  } catch {
    return text.trimEnd();
  }
}

/** JSON whose fields are sorted. */
export function textOf(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
