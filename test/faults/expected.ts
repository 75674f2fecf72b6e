import { doubled, type Item, isDeadly, isRefused, type Refusing, type Row, type TABLES } from './chain.ts';
import type { Input } from './input.ts';

export type Numbered = Item | Row;

/** The rows and dead letters that follow from the items in the log. */
export interface Expected {
  /** All rows, per key in the order of the log. */
  readonly all: readonly Row[];
  /** The rows that each table takes. */
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

/** Returns what a step takes, in the order in which the step gets it: redriven events come last. */
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

/**
 * Tells whether an event is a dead letter. After the step is fixed, older ones stay dead letters until they are
 * redriven.
 */
function rejects(step: Refusing, one: Numbered, input: Input): boolean {
  if (!isRefused(step, one) && !isDeadly(step, one)) return false;
  const fixed = input.fixed.get(step);
  return fixed === undefined || (fixed.before.has(one.n) && !isRedriven(step, one, input));
}

function isRedriven(step: Refusing, one: Numbered, { fixed }: Input): boolean {
  return fixed.get(step)?.redriven.has(textOf(one)) === true;
}

/** Returns the numbers of redriven events: they arrive after newer events of their key. */
export function comeAgain({ fixed }: Input): readonly number[] {
  return [...fixed.values()].flatMap(({ redriven }) => [...redriven].map((text) => (JSON.parse(text) as Numbered).n));
}

/** Returns the data of the event in a dead letter's text, or the text itself when it is not an event. */
export function dataOf(text: string): Numbered | string {
  try {
    return (JSON.parse(text) as { readonly data: Numbered }).data;
  } catch {
    return text.trimEnd();
  }
}

/** Writes JSON with sorted fields. */
export function textOf(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
