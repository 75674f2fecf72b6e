import { durationText } from '../times.ts';
import type { ComparedSink, Comparison, Difference } from './comparison.ts';
import type { Requests } from './stored-rows.ts';

/** Says how rows were matched. */
export function matchedText({ matchedBy, key }: Comparison): string {
  switch (matchedBy) {
    case 'columns':
      return `rows are matched by ${key.join(', ')}`;
    case 'key':
      return "rows are matched by their events' keys";
    case 'id':
      return "rows are matched by their events' ids";
    case 'content':
      return 'rows are matched by all of their fields';
  }
}

/** A line of what both sinks have: what it is, and the texts of the two. */
export type SideBySideLine = readonly [what: string, a: string, b: string];

/** Lists what the sinks have stored, how far they are behind, and what that costs. */
export function sideBySide({ sinks: { a, b } }: Comparison): readonly SideBySideLine[] {
  const both = (what: string, of: (sink: ComparedSink) => string): SideBySideLine => [what, of(a), of(b)];
  const namesOf = (of: (sink: ComparedSink) => readonly Requests[]): readonly string[] => [
    ...new Set([...of(a), ...of(b)].map(({ what }) => what)),
  ];
  const named = (all: readonly Requests[], what: string): string => {
    const found = all.find((one) => one.what === what);
    return found === undefined ? '–' : requestsText(found);
  };
  return [
    both('connector', ({ connector }) => connector),
    both('rows', ({ rows }) => rows.toLocaleString('en-US')),
    both('lag', lagText),
    both('bytes', ({ bytes }) => bytes.toLocaleString('en-US')),
    both('storage, a month', ({ storagePrice }) => priceText(storagePrice)),
    ...namesOf(({ requests }) => requests).map((what) => both(what, ({ requests }) => named(requests, what))),
    ...namesOf(({ read }) => read).map((what) => both(`now: ${what}`, ({ read }) => named(read, what))),
  ];
}

function lagText({ lagMillis, eventsBehind, andMore }: ComparedSink): string {
  if (eventsBehind === 0) return 'none';
  return `${durationText(lagMillis)}, ${andMore ? 'over ' : ''}${counted(eventsBehind, 'event')}`;
}

function requestsText({ count, price, atLeast }: Requests): string {
  const number = `${atLeast ? 'at least ' : ''}${count.toLocaleString('en-US')}`;
  return price === undefined ? number : `${number} (${priceText(price)})`;
}

/** Formats US dollars: cents, and of less than a cent the first two digits. */
function priceText(dollars: number): string {
  if (dollars === 0) return '$0';
  if (dollars >= 0.01) return `$${dollars.toFixed(2)}`;
  return `$${Number(dollars.toPrecision(2)).toFixed(12).replace(/0+$/, '')}`;
}

/** Says what was found, one thing a line. */
export function foundLines({ sinks: { a, b }, counts }: Comparison): readonly string[] {
  const { same, onlyA, onlyB, doubled, differs, waits, unclear, unmatched } = counts;
  const kinds: readonly (readonly [number, string])[] = [
    [onlyA, `only in ${a.name}`],
    [onlyB, `only in ${b.name}`],
    [doubled, 'more often in one of them'],
    [differs, 'with other values'],
  ];
  const sum = differencesOf(counts);
  const parts = kinds.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString('en-US')} ${what}`);
  const isAre = (count: number, one: string, many: string): string =>
    `${counted(count, 'row')} ${count === 1 ? one : many}`;
  return [
    `${isAre(same, 'is', 'are')} the same.`,
    sum === 0 ? 'There is no difference.' : `${counted(sum, 'difference')}: ${parts.join(', ')}.`,
    ...(waits === 0
      ? []
      : [`${isAre(waits, 'waits', 'wait')}: one of the sinks has not processed all of their events.`]),
    ...(unclear === 0
      ? []
      : [
          `${isAre(unclear, 'is', 'are')} as an earlier event says, by its time; the files do not tell which event came last.`,
        ]),
    ...(unmatched === 0 ? [] : [`${counted(unmatched, 'row')} cannot be matched: they lack the key.`]),
  ];
}

/** How many rows differ, whatever is named of them. */
export function differencesOf({ onlyA, onlyB, doubled, differs }: Comparison['counts']): number {
  return onlyA + onlyB + doubled + differs;
}

/** Says what a reader has to know of the comparison. */
export function noteLines({ notCompared, sinks, notes }: Comparison): readonly string[] {
  return [
    ...notCompared.map(({ field, onlyIn }) => `not compared: ${field}, which only ${sinks[onlyIn].name} has`),
    ...notes,
  ];
}

/** Says what differs in a row, where no field of it does. Undefined: its fields say it. */
export function kindText({ kind, times }: Difference, { sinks: { a, b } }: Comparison): string | undefined {
  if (kind === 'only-a') return `only in ${a.name}`;
  if (kind === 'only-b') return `only in ${b.name}`;
  return kind === 'doubled' ? `${times.a} times in ${a.name}, ${times.b} times in ${b.name}` : undefined;
}

/** Names the event of a difference: what it is, its key and its id. */
export function eventText({ event }: Difference): string {
  if (event === undefined) return 'not in the log';
  const { type, key, id, place } = event;
  const where = place === undefined ? undefined : `${place.shard} ${place.position}`;
  const last = id === undefined ? where : `id ${id}`;
  return [type, key === undefined ? undefined : `key ${key}`, last].filter((part) => part !== undefined).join('  ');
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
