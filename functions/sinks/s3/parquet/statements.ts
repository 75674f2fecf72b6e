import type { S3Options } from '../options.ts';
import { ATTRIBUTES } from './attributes.ts';
import { duckdbType, type ParquetColumn, type ParquetType, quotedName, quotedText, structOf } from './column-types.ts';

/** A Parquet file to make of a file of lines. */
export interface Conversion {
  readonly from: string;
  readonly to: string;
  /** The bytes of the longest line. DuckDB reserves memory for several of them. */
  readonly longestLine: number;
}

/** The statements that convert files of lines to files of rows with the same columns. */
export interface Statements {
  /**
   * Converts lines as they are in the log. It fails when DuckDB's reading of a value could differ from the value.
   * Undefined for columns with which DuckDB's reading cannot be checked.
   */
  readonly asTheyAre: ((conversion: Conversion) => string) | undefined;
  /** Converts lines of `exactLine`. */
  readonly exact: (conversion: Conversion) => string;
}

export function statementsFor(
  columns: readonly ParquetColumn[],
  lines: S3Options['lines'],
  writtenAs = WRITTEN_AS,
): Statements {
  const attributes = lines === 'event' ? ATTRIBUTES : [];
  const readings = columns.map(({ type }) => readingOf(type));
  return {
    asTheyAre: readings.every((reading) => reading !== undefined)
      ? (conversion) => asTheyAre({ columns, readings, lines, writtenAs }, conversion)
      : undefined,
    exact: (conversion) => {
      const all = [...attributes, ...columns];
      return copy(conversion, {
        columns: all.map(({ type }, index): [string, string] => [String(index), textsOf(type)]),
        select: all.map(
          ({ name, type }, index) => `CAST(${quotedName(String(index))} AS ${duckdbType(type)}) AS ${quotedName(name)}`,
        ),
        where: undefined,
        writtenAs,
      });
    },
  };
}

/** How DuckDB reads the values of a column. */
interface Reading {
  /** The type that the JSON is read as. */
  readonly as: string;
  /** Makes of what was read what is cast to the column's type. Undefined: it is that already. */
  readonly value?: (read: string) => string;
  /** Whether a value that was read keeps its meaning as the column's type. Undefined: always. */
  readonly keeps?: ((value: string) => string) | undefined;
}

interface AsTheyAre {
  readonly columns: readonly ParquetColumn[];
  readonly readings: readonly Reading[];
  readonly lines: S3Options['lines'];
  readonly writtenAs: string;
}

function asTheyAre({ columns, readings, lines, writtenAs }: AsTheyAre, conversion: Conversion): string {
  const read = columns.map(({ name }, index): [string, string] => [name, (readings[index] as Reading).as]);
  const values = columns.map(({ name }, index) => {
    const { value = (same: string) => same } = readings[index] as Reading;
    return value(lines === 'event' ? `data.${quotedName(name)}` : quotedName(name));
  });
  const checks = values.flatMap((value, index) => {
    const check = readings[index]?.keeps?.(value);
    return check === undefined ? [] : [`coalesce(${check}, true)`];
  });
  const attributes = lines === 'event' ? ATTRIBUTES : [];
  const present = attributes.flatMap(({ attribute, isRequired }) => (isRequired ? [`${attribute} IS NOT NULL`] : []));
  return copy(conversion, {
    columns:
      lines === 'event'
        ? [...attributes.map(({ attribute }): [string, string] => [attribute, 'VARCHAR']), ['data', structOf(read)]]
        : read,
    select: [
      ...attributes.map(({ attribute, name, type }) => `CAST(${attribute} AS ${duckdbType(type)}) AS ${name}`),
      ...columns.map(({ name, type }, index) => `CAST(${values[index]} AS ${duckdbType(type)}) AS ${quotedName(name)}`),
    ],
    // Of a line whose data is null, or is no object, every field would be null.
    where: [...present, ...(lines === 'event' ? ['data IS NOT NULL'] : []), ...checks],
    writtenAs,
  });
}

/**
 * Decides how to read a column so that a doubtful value is found: a number that would be rounded, a text in a column of
 * numbers, a time that would be cut to its day. Undefined for types of which DuckDB's reading cannot be checked.
 */
function readingOf(type: ParquetType): Reading | undefined {
  switch (type.kind) {
    case 'text':
      return { as: 'VARCHAR' };
    case 'boolean':
    case 'integer':
    case 'bigint':
      return { as: 'VARCHAR', keeps: sameAgain(type, 'VARCHAR') };
    case 'date': {
      const again = sameAgain(type, 'VARCHAR');
      // DuckDB has a day that is called infinity.
      return { as: 'VARCHAR', keeps: (value) => `(length(${value}) = 10 AND ${again(value)})` };
    }
    case 'double':
      return { ...NUMBER, keeps: (value) => `isfinite(${value})` };
    case 'decimal': {
      const exact = 15 - type.scale;
      if (exact <= 0) return undefined;
      const again = sameAgain(type, 'DOUBLE');
      return { ...NUMBER, keeps: (value) => `(abs(${value}) < 1e${exact} AND ${again(value)})` };
    }
    case 'timestamptz':
      return {
        as: 'VARCHAR',
        keeps: (value) => `(${value} LIKE '____-__-__T__:__:__%' AND right(${value}, 1) = 'Z')`,
      };
    case 'timestamp':
    case 'json':
      return undefined;
    case 'list':
    case 'struct': {
      const as = readAsTexts(type);
      if (as === undefined) return undefined;
      // A list of texts is not cast.
      return as === duckdbType(type) ? { as } : { as, keeps: sameAgain(type, as) };
    }
  }
}

/** Of JSON's values, only numbers are doubles by their text: DuckDB would read true as 1. */
const NUMBER = { as: 'JSON', value: (read: string) => `CAST(CAST(${read} AS VARCHAR) AS DOUBLE)` };

/** Checks that a value comes back the same after the cast to the column's type. */
function sameAgain(type: ParquetType, as: string): (value: string) => string {
  return (value) => `CAST(CAST(${value} AS ${duckdbType(type)}) AS ${as}) IS NOT DISTINCT FROM ${value}`;
}

const SAME_AS_TEXTS = new Set<ParquetType['kind']>(['text', 'boolean', 'integer', 'bigint']);

/** Returns the type of a list or struct whose scalars come back the same as texts. */
function readAsTexts(type: ParquetType): string | undefined {
  switch (type.kind) {
    case 'list': {
      const element = readAsTexts(type.element);
      return element === undefined ? undefined : `${element}[]`;
    }
    case 'struct': {
      const fields = type.fields.map((field) => [field.name, readAsTexts(field.type)] as const);
      return fields.every((field): field is [string, string] => field[1] !== undefined) ? structOf(fields) : undefined;
    }
    default:
      return SAME_AS_TEXTS.has(type.kind) ? 'VARCHAR' : undefined;
  }
}

/** The type of a column whose scalars are texts: lines of `exactLine` have no others. */
function textsOf(type: ParquetType): string {
  if (type.kind === 'list') return `${textsOf(type.element)}[]`;
  if (type.kind === 'struct') return structOf(type.fields.map((field) => [field.name, textsOf(field.type)]));
  return 'VARCHAR';
}

interface Copied {
  /** What is read of each line, by its name and type. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly select: readonly string[];
  /** What must hold for every row. */
  readonly where: readonly string[] | undefined;
  readonly writtenAs: string;
}

function copy({ from, to, longestLine }: Conversion, { columns, select, where = [], writtenAs }: Copied): string {
  const read = columns.map(([name, type]) => `${quotedText(name)}: ${quotedText(type)}`).join(', ');
  const condition =
    where.length === 0 ? '' : ` WHERE CASE WHEN ${where.join(' AND ')} THEN true ELSE error('doubtful') END`;
  return (
    `COPY (SELECT ${select.join(', ')} FROM read_json(${quotedText(from)}, format = 'newline_delimited', ` +
    `records = 'true', maximum_object_size = ${Math.max(longestLine + 1, LEAST_OBJECT_SIZE)}, ` +
    `compression = 'uncompressed', columns = {${read}})${condition}) ` +
    `TO ${quotedText(to)} ${writtenAs}`
  );
}

/** DuckDB reads lines in blocks of twice this size. */
const LEAST_OBJECT_SIZE = 1024 * 1024;

/** Readers skip row groups by their least and greatest values. The number is DuckDB's own. */
export const WRITTEN_AS = writtenWith();

/** Says how DuckDB writes a file, with more options of its own. */
export function writtenWith(...more: readonly string[]): string {
  return `(${['FORMAT parquet', 'COMPRESSION zstd', 'ROW_GROUP_SIZE 122880', ...more].join(', ')})`;
}
