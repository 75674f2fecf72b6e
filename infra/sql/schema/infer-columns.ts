import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { Column, SqlType } from '../plan/sql-type.ts';
import { arrayOf, isScalar, JSONB, scalar, typeName } from '../plan/sql-type.ts';

/** The columns that a sample shows. */
export interface InferredColumns {
  readonly columns: readonly Column[];
  readonly mixed: readonly MixedColumn[];
}

/** A column whose values are of several kinds. */
export interface MixedColumn {
  readonly name: string;
  /** The kind of its first values: `numbers`. */
  readonly first: string;
  /** The first line with a value of another kind, and that value. */
  readonly line: number;
  readonly value: string;
  /** The type that all its values fit. */
  readonly type: string;
}

interface SampledEvent {
  /** From 1. */
  readonly line: number;
  readonly event: Readonly<Record<string, unknown>>;
}

/**
 * Infers columns from the first of these lines of JSON, for files without a schema. Every column may be null, because a
 * sample cannot prove the contrary.
 */
export function inferColumnsOfLines(lines: Buffer): InferredColumns {
  const types = new Map<string, SqlType | undefined>();
  const mixed = new Map<string, MixedColumn>();
  for (const { line, event } of sampleOf(lines))
    for (const [name, value] of Object.entries(event)) {
      const before = types.get(name);
      const found = typeOfValue(value);
      const type = merged(before, found);
      types.set(name, type);
      if (before === undefined || found === undefined || type !== JSONB || isJsonb(before) || mixed.has(name)) continue;
      mixed.set(name, { name, first: PLURALS[typeName(before)] ?? 'lists', line, value: shown(value), type: 'jsonb' });
    }
  const columns = [...types].map(([name, type]) => ({ name, type: type ?? JSONB, nullable: true }));
  return { columns, mixed: [...mixed.values()] };
}

const PLURALS: Readonly<Record<string, string>> = { numeric: 'numbers', text: 'text', boolean: 'true or false' };

const isJsonb = (type: SqlType): boolean => isScalar(type, 'jsonb');

const SHOWN = 60;

/** Shows a value in a message. */
export function shown(value: unknown): string {
  return cutText(JSON.stringify(value), SHOWN);
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

function sampleOf(part: Buffer): readonly SampledEvent[] {
  const firstEnd = part.indexOf('\n');
  return part
    .toString('utf8', 0, Math.max(SAMPLED_BYTES, firstEnd === -1 ? part.length : firstEnd))
    .split('\n', SAMPLED)
    .flatMap((line, index) => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === 'object' && value !== null && !Array.isArray(value)
          ? [{ line: index + 1, event: value as Record<string, unknown> }]
          : [];
      } catch {
        // Running the statement rejects a line that is not JSON, with its number.
        return [];
      }
    });
}
