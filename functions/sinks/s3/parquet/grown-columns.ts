import type { z } from 'zod';
import { UserMistake } from '../../../runtime/errors.ts';
import type { JsonSchema } from '../../../runtime/json/schema-fields.ts';
import type { S3Options } from '../options.ts';
import { duckdbType, MOST_DIGITS, type ParquetColumn, type ParquetType } from './column-types.ts';
import { parquetColumnsOf } from './columns.ts';

/** A field for which no column holds the values of all versions. */
export interface UnfitField {
  readonly field: string;
  /** The types of the column, as DuckDB names them, in the order of the versions. */
  readonly types: readonly string[];
}

/**
 * Derives the columns that hold the events of every version of a schema, the oldest first: those of the newest version
 * in their order, then those that older ones had. So files have the same columns whichever versions they hold. A column
 * has the widest of its types: integer < bigint < double, decimals with more digits, date < text; a list and a struct
 * that of their parts.
 */
export function grownParquetColumns(
  versions: readonly (z.ZodType | JsonSchema)[],
  options: Partial<Pick<S3Options, 'by'>> & Pick<S3Options, 'lines'>,
): { readonly columns: readonly ParquetColumn[]; readonly unfit: readonly UnfitField[] } {
  const all = versions.map((version) => parquetColumnsOf(version, options));
  const unfit: UnfitField[] = [];
  const newestFirst = [...new Set(all.toReversed().flatMap((columns) => columns.map(({ name }) => name)))];
  const columns = newestFirst.map((name): ParquetColumn => {
    const found = all.flatMap((of) => of.find((column) => column.name === name) ?? []);
    const type = widestOf(found.map((column) => column.type));
    if (type === undefined)
      unfit.push({ field: name, types: [...new Set(found.map((column) => duckdbType(column.type)))] });
    return { ...(found.at(-1) as ParquetColumn), ...(type === undefined ? {} : { type }) };
  });
  return { columns, unfit };
}

/** Derives the same columns. Throws a `UserMistake` for a field that no column holds. */
export function parquetColumnsOfVersions(
  versions: readonly (z.ZodType | JsonSchema)[],
  options: Partial<Pick<S3Options, 'by'>> & Pick<S3Options, 'lines'>,
): readonly ParquetColumn[] {
  const { columns, unfit } = grownParquetColumns(versions, options);
  const [first] = unfit;
  if (first === undefined) return columns;
  throw new UserMistake(
    `field '${first.field}' is ${first.types.join(' in one version, and ')} in another, and no column holds both: give what is new another name`,
  );
}

function widestOf([first, ...others]: readonly ParquetType[]): ParquetType | undefined {
  return others.reduce((widest, type) => widest && widestType(widest, type), first);
}

/** Returns the narrowest type that holds all values of both, each with its meaning. Undefined: there is none. */
function widestType(one: ParquetType, other: ParquetType): ParquetType | undefined {
  if (one.kind === 'list' && other.kind === 'list') {
    const element = widestType(one.element, other.element);
    return element && { kind: 'list', element };
  }
  if (one.kind === 'struct' && other.kind === 'struct') return widestStruct(one.fields, other.fields);
  if (JSON.stringify(one) === JSON.stringify(other)) return one;
  const [first, second] = [digitsOf(one), digitsOf(other)];
  if (first !== undefined && second !== undefined) return widestNumber(first, second);
  for (const [wide, narrow] of [
    [one, other],
    [other, one],
  ] as const)
    if (WIDER[narrow.kind]?.includes(wide.kind) === true) return wide;
  return undefined;
}

const WIDER: Readonly<Partial<Record<ParquetType['kind'], readonly ParquetType['kind'][]>>> = {
  integer: ['bigint', 'double'],
  bigint: ['double'],
  date: ['text'],
};

function widestStruct(older: readonly ParquetColumn[], newer: readonly ParquetColumn[]): ParquetType | undefined {
  const names = [...new Set([...newer, ...older].map(({ name }) => name))];
  const fields = names.map((name) => {
    const found = [...older, ...newer].filter((field) => field.name === name);
    return { name, type: widestOf(found.map(({ type }) => type)) };
  });
  const isWhole = (field: (typeof fields)[number]): field is ParquetColumn => field.type !== undefined;
  return fields.every(isWhole) ? { kind: 'struct', fields } : undefined;
}

interface Digits {
  readonly isWhole: boolean;
  readonly type: ParquetType;
  readonly before: number;
  readonly behind: number;
}

function digitsOf(type: ParquetType): Digits | undefined {
  if (type.kind === 'integer') return { isWhole: true, type, before: 10, behind: 0 };
  if (type.kind === 'bigint') return { isWhole: true, type, before: 19, behind: 0 };
  if (type.kind !== 'decimal') return undefined;
  return { isWhole: false, type, before: type.precision - type.scale, behind: type.scale };
}

function widestNumber(one: Digits, other: Digits): ParquetType | undefined {
  if (one.isWhole && other.isWhole) return one.before > other.before ? one.type : other.type;
  const scale = Math.max(one.behind, other.behind);
  const precision = scale + Math.max(one.before, other.before);
  return precision > MOST_DIGITS ? undefined : { kind: 'decimal', precision, scale };
}
