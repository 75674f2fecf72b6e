import type { Comparison, Difference, DifferentField } from '../operation/compare/comparison.ts';
import {
  differencesOf,
  eventText,
  foundLines,
  kindText,
  matchedText,
  noteLines,
  sideBySide,
} from '../operation/compare/side-by-side.ts';
import { type StepPlan, schemaOf } from '../pipelines/plan.ts';
import type { ShownComparison, ShownDifference } from './answers.ts';
import { hideFields, personalFields } from './hide-fields.ts';
import { cutText } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';

const MOST_VALUE = 500;
const NONE: ReadonlySet<string> = new Set();

/**
 * Makes of a comparison what a page shows: the texts of the command line, without personal data where that is asked.
 */
export function shownComparison(
  comparison: Comparison,
  step: StepPlan,
  { hidesData }: Pick<ConsoleSource, 'hidesData'>,
): ShownComparison {
  const personal = hidesData ? personalFields(schemaOf(step)) : NONE;
  const { stream, sinks, differences, counts } = comparison;
  return {
    names: [sinks.a.name, sinks.b.name],
    stream,
    matched: matchedText(comparison),
    sideBySide: sideBySide(comparison),
    found: foundLines(comparison),
    differences: differences.map((difference) => shownDifference(difference, comparison, personal)),
    more: differencesOf(counts) - differences.length,
    notes: noteLines(comparison),
  };
}

function shownDifference(
  difference: Difference,
  comparison: Comparison,
  personal: ReadonlySet<string>,
): ShownDifference {
  const what = kindText(difference, comparison);
  const { event } = difference;
  const key = event?.key;
  const isHidden = personal.size > 0 && key !== undefined;
  const hidden = isHidden ? { ...difference, event: { ...event, key: 'hidden' } } : difference;
  return {
    row: cutText(rowText(difference, comparison, personal), MOST_VALUE),
    ...(what === undefined ? {} : { what }),
    fields: what === undefined ? difference.fields.map((field) => shownField(field, personal)) : [],
    event: cutText(eventText(hidden), MOST_VALUE),
    ...(key === undefined || isHidden ? {} : { key }),
    ...(event?.place === undefined ? {} : { place: event.place }),
  };
}

/** Names a row by what it is matched by. */
function rowText({ id }: Difference, { matchedBy, key, fields }: Comparison, personal: ReadonlySet<string>): string {
  if (matchedBy === 'id') return id.join();
  if (matchedBy === 'key') return personal.size > 0 ? 'hidden' : id.join();
  const names = matchedBy === 'columns' ? key : fields;
  return id.map((value, index) => shownValue(names[index] ?? '', value, personal) ?? 'null').join(', ');
}

function shownField({ field, a, b }: DifferentField, personal: ReadonlySet<string>): DifferentField {
  return { field, a: shownValue(field, a, personal), b: shownValue(field, b, personal) };
}

function shownValue(field: string, value: string | null, personal: ReadonlySet<string>): string | null {
  if (value === null) return null;
  if (personal.has(field)) return 'hidden';
  const isNested = value.startsWith('{') || value.startsWith('[');
  return cutText(isNested ? hideFields(value, personal) : value, MOST_VALUE);
}
