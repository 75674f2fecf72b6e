import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { CompareProgress } from '../../operation/compare/compare-options.ts';
import type { Comparison, Difference } from '../../operation/compare/comparison.ts';
import {
  differencesOf,
  eventText,
  foundLines,
  kindText,
  matchedText,
  noteLines,
  sideBySide,
} from '../../operation/compare/side-by-side.ts';
import { cleanedLine, printError } from '../../terminal.ts';
import { textTable } from '../../text-table.ts';
import { counted } from './counted.ts';

/** Formats a comparison: the sinks side by side, what was found, and the differences. */
export function compareReport(comparison: Comparison): string {
  const { pipeline, stream, differences } = comparison;
  const { a, b } = comparison.sinks;
  return [
    `${pipeline}: ${a.name} and ${b.name}, on the stream ${stream}; ${matchedText(comparison)}`,
    textTable(['', a.name, b.name], sideBySide(comparison)),
    foundLines(comparison).join('\n'),
    ...(differences.length === 0 ? [] : [differencesTable(comparison)]),
    restText(comparison),
    noteLines(comparison).join('\n'),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
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
  const row = short(difference.id.map((part) => part ?? 'null').join(', '));
  const event = cutText(cleanedLine(eventText(difference)), LONGEST_EVENT);
  const what = kindText(difference, comparison);
  if (what !== undefined) return [[row, what, '', '', event]];
  return difference.fields.map((field, index) => [
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

function restText({ differences, counts }: Comparison): string {
  const more = differencesOf(counts) - differences.length;
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
    const what = `${doing}${sink === undefined ? '' : ` of ${sink}`}`;
    printError(`${what}${done === 0 ? ' …' : `: ${done.toLocaleString('en-US')}`}`);
  };
}
