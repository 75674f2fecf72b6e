import type { Column, SqlType } from '../plan/sql-type.ts';
import { arrayOf, JSONB, scalar } from '../plan/sql-type.ts';

/** Infers columns from the first of these lines of JSON, for files without a schema. */
export const inferColumnsOfLines = (lines: Buffer): readonly Column[] => inferColumns(sampleOf(lines));

/** Infers columns from a sample of events. Every column may be null, because a sample cannot prove the contrary. */
function inferColumns(sample: readonly Record<string, unknown>[]): readonly Column[] {
  const types = new Map<string, SqlType | undefined>();
  for (const event of sample)
    for (const [name, value] of Object.entries(event)) types.set(name, merged(types.get(name), typeOfValue(value)));
  return [...types].map(([name, type]) => ({ name, type: type ?? JSONB, nullable: true }));
}

/**
 * Infers the type of a value; undefined for null, which can be of any type. Numbers are numeric, which is always exact.
 * Text stays text: a text that looks like a date may be none.
 */
function typeOfValue(value: unknown): SqlType | undefined {
  switch (typeof value) {
    case 'string':
      return scalar('text');
    case 'number':
      return scalar('numeric');
    case 'boolean':
      return scalar('boolean');
    default:
      return Array.isArray(value) ? typeOfList(value) : value === null ? undefined : JSONB;
  }
}

/** Infers the type of a list. An empty list takes its type from the other lists of the column. */
function typeOfList(values: readonly unknown[]): SqlType {
  let element: SqlType | undefined;
  for (const value of values) element = merged(element, typeOfValue(value));
  if (element === undefined) return EMPTY_LIST;
  // Arrays have one dimension, so a list of lists is jsonb at any depth.
  return values.every((value) => value === null || Array.isArray(value)) ? JSONB : arrayOf(element);
}

const EMPTY_LIST = arrayOf(JSONB);

function merged(a: SqlType | undefined, b: SqlType | undefined): SqlType | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === EMPTY_LIST && b.kind === 'array') return b;
  if (b === EMPTY_LIST && a.kind === 'array') return a;
  return JSON.stringify(a) === JSON.stringify(b) ? a : JSONB;
}

const SAMPLED = 1000;
/** Or the whole first line, if it is longer. */
const SAMPLED_BYTES = 4 << 20;

function sampleOf(part: Buffer): readonly Record<string, unknown>[] {
  const firstEnd = part.indexOf('\n');
  return part
    .toString('utf8', 0, Math.max(SAMPLED_BYTES, firstEnd === -1 ? part.length : firstEnd))
    .split('\n', SAMPLED)
    .flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === 'object' && value !== null && !Array.isArray(value)
          ? [value as Record<string, unknown>]
          : [];
      } catch {
        // Running the statement rejects a line that is not JSON, with its number.
        return [];
      }
    });
}
