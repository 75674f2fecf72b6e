import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { CompareProgress } from '../../operation/compare/compare-options.ts';
import type { ComparedSink, Comparison, Difference } from '../../operation/compare/comparison.ts';
import type { Requests } from '../../operation/compare/stored-rows.ts';
import { durationText } from '../../operation/times.ts';
import { cleanedLine, printError } from '../../terminal.ts';
import { textTable } from '../../text-table.ts';
import { counted } from './counted.ts';

/** Formats a comparison: the sinks side by side, what was found, and the differences. */
export function compareReport(comparison: Comparison): string {
  const { pipeline, stream, notes, notCompared } = comparison;
  const { a, b } = comparison.sinks;
  return [
    `${pipeline}: ${a.name} and ${b.name}, on the stream ${stream}; ${MATCHED[comparison.matchedBy](comparison)}`,
    sinksTable(comparison),
    foundText(comparison),
    ...(comparison.differences.length === 0 ? [] : [differencesTable(comparison), restText(comparison)]),
    ...notCompared.map(({ field, onlyIn }) => `not compared: ${field}, which only ${nameOf(comparison, onlyIn)} has`),
    ...notes.map((note) => `note: ${note}`),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** Says how rows were matched. */
export const MATCHED: Readonly<Record<Comparison['matchedBy'], (comparison: Comparison) => string>> = {
  columns: ({ key }) => `rows are matched by ${key.join(', ')}`,
  key: () => "rows are matched by their events' keys",
  id: () => "rows are matched by their events' ids",
  content: () => 'rows are matched by all of their fields',
};

function nameOf({ sinks }: Comparison, side: 'a' | 'b'): string {
  return sinks[side].name;
}

function sinksTable({ sinks: { a, b } }: Comparison): string {
  const both = (what: string, of: (sink: ComparedSink) => string): readonly string[] => [what, of(a), of(b)];
  const requests = [...new Set([...a.requests, ...b.requests].map(({ what }) => what))];
  const read = [...new Set([...a.read, ...b.read].map(({ what }) => what))];
  const named = (all: readonly Requests[], what: string): string => {
    const found = all.find((one) => one.what === what);
    return found === undefined ? '–' : requestsText(found);
  };
  return textTable(
    ['', a.name, b.name],
    [
      both('connector', ({ connector }) => connector),
      both('rows', ({ rows }) => rows.toLocaleString('en-US')),
      both('lag', lagText),
      both('bytes', ({ bytes }) => bytes.toLocaleString('en-US')),
      both('storage, a month', ({ storagePrice }) => priceText(storagePrice)),
      ...requests.map((what) => both(what, (sink) => named(sink.requests, what))),
      ...read.map((what) => both(`now: ${what}`, (sink) => named(sink.read, what))),
    ],
  );
}

function lagText({ lagMillis, eventsBehind, andMore }: ComparedSink): string {
  if (eventsBehind === 0) return 'none';
  return `${durationText(lagMillis)}, ${andMore ? 'over ' : ''}${counted(eventsBehind, 'event')}`;
}

export function requestsText({ count, price, atLeast }: Requests): string {
  const number = `${atLeast ? 'at least ' : ''}${count.toLocaleString('en-US')}`;
  return price === undefined ? number : `${number} (${priceText(price)})`;
}

/** Formats US dollars: cents, and of less than a cent the first two digits. */
export function priceText(dollars: number): string {
  if (dollars === 0) return '$0';
  return dollars >= 0.01
    ? `$${dollars.toFixed(2)}`
    : `$${Number(dollars.toPrecision(2)).toFixed(10).replace(/0+$/, '')}`;
}

/** Says what was found: `4 differences: 1 row only in a …`. */
export function foundText(comparison: Comparison): string {
  const { a, b } = comparison.sinks;
  const { same, onlyA, onlyB, doubled, differs, waits, unclear, unmatched } = comparison.counts;
  const kinds: readonly (readonly [number, string])[] = [
    [onlyA, `only in ${a.name}`],
    [onlyB, `only in ${b.name}`],
    [doubled, 'more often in one of them'],
    [differs, 'with other values'],
  ];
  const sum = onlyA + onlyB + doubled + differs;
  const parts = kinds.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString('en-US')} ${what}`);
  return [
    `${counted(same, 'row')} ${same === 1 ? 'is' : 'are'} the same.`,
    sum === 0 ? 'There is no difference.' : `${counted(sum, 'difference')}: ${parts.join(', ')}.`,
    ...(waits === 0
      ? []
      : [
          `${counted(waits, 'row')} ${waits === 1 ? 'waits' : 'wait'}: one of the sinks has not processed all of their events.`,
        ]),
    ...(unclear === 0
      ? []
      : [
          `${counted(unclear, 'row')} ${unclear === 1 ? 'is' : 'are'} as an earlier event says, by its time; merged files do not tell which event came last.`,
        ]),
    ...(unmatched === 0 ? [] : [`${counted(unmatched, 'row')} cannot be matched: they lack the key.`]),
  ].join('\n');
}

const LONGEST_VALUE = 60;
const LONGEST_EVENT = 200;

function differencesTable(comparison: Comparison): string {
  const { a, b } = comparison.sinks;
  return textTable(
    ['row', 'what', a.name, b.name, 'event'],
    comparison.differences.flatMap((difference) => linesOf(difference, comparison)),
  );
}

function linesOf(difference: Difference, comparison: Comparison): readonly (readonly string[])[] {
  const { id, kind, times, fields } = difference;
  const row = short(id.map((part) => part ?? 'null').join(', '));
  const event = eventText(difference);
  const { a, b } = comparison.sinks;
  if (kind === 'only-a') return [[row, `only in ${a.name}`, '', '', event]];
  if (kind === 'only-b') return [[row, `only in ${b.name}`, '', '', event]];
  if (kind === 'doubled') return [[row, 'more often', `${times.a} times`, `${times.b} times`, event]];
  return fields.map((field, index) => [
    index === 0 ? row : '',
    field.field,
    short(field.a ?? 'null'),
    short(field.b ?? 'null'),
    index === 0 ? event : '',
  ]);
}

function short(text: string): string {
  return cutText(cleanedLine(text), LONGEST_VALUE);
}

/** Names the event of a difference: what it is, its key and its id. */
export function eventText({ event }: Difference): string {
  if (event === undefined) return 'not in the log';
  const { type, key, id, place } = event;
  const parts = [type, key === undefined ? undefined : `key ${key}`, id === undefined ? undefined : `id ${id}`];
  const known = parts.filter((part) => part !== undefined);
  const where = place === undefined ? [] : [`${place.shard} ${place.position}`];
  return cutText(cleanedLine([...known, ...(id === undefined ? where : [])].join('  ')), LONGEST_EVENT);
}

function restText({ differences, counts: { onlyA, onlyB, doubled, differs } }: Comparison): string {
  const more = onlyA + onlyB + doubled + differs - differences.length;
  return more === 0 ? '' : `… and ${counted(more, 'more difference')}; --limit shows more`;
}

/** Formats a comparison as lines of JSON: the summary, then each difference. */
export function compareLines({ differences, ...summary }: Comparison): readonly string[] {
  return [summary, ...differences].map((line) => JSON.stringify(line));
}

const PROGRESS_MILLIS = 2_000;

/** Prints to standard error how far a long comparison is, every two seconds. */
export function openCompareProgress(): (progress: CompareProgress) => void {
  let printed = Date.now();
  return ({ doing, sink, done }) => {
    if (Date.now() < printed + PROGRESS_MILLIS) return;
    printed = Date.now();
    printError(
      `${doing}${sink === undefined ? '' : ` of ${sink}`}${done === 0 ? ' …' : `: ${done.toLocaleString('en-US')}`}`,
    );
  };
}
