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
      const texts = all.map(({ type }, index): [string, string] => [String(index), textsOf(type)]);
      const select = all.map(
        ({ name, type }, index) => `CAST(${quotedName(String(index))} AS ${duckdbType(type)}) AS ${quotedName(name)}`,
      );
      return copy(conversion, `SELECT ${select.join(', ')} FROM ${linesOf(conversion, texts)}`, writtenAs);
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
  readonly keeps?: Check | undefined;
}

/** Says in SQL what must hold of a value that is not null, and of what it was cast to. */
type Check = (value: string, cast: string) => string;

interface AsTheyAre {
  readonly columns: readonly ParquetColumn[];
  readonly readings: readonly Reading[];
  readonly lines: S3Options['lines'];
  readonly writtenAs: string;
}

/**
 * Each value is read in an inner query, cast in the one around it, and checked in the outer one: DuckDB casts once for
 * both the file and the check. In a WHERE it would cast again.
 */
function asTheyAre({ columns, readings, lines, writtenAs }: AsTheyAre, conversion: Conversion): string {
  const attributes = lines === 'event' ? ATTRIBUTES : [];
  const read = columns.map(({ name }, index): [string, string] => [name, (readings[index] as Reading).as]);
  const values = columns.map(({ name }, index) => {
    const { value = (same: string) => same } = readings[index] as Reading;
    return `${value(lines === 'event' ? `data.${quotedName(name)}` : quotedName(name))} AS value${index}`;
  });
  const cast = [
    ...attributes.map(({ attribute, type }) => `CAST(${attribute} AS ${duckdbType(type)}) AS cast_${attribute}`),
    ...columns.map(({ type }, index) => `CAST(value${index} AS ${duckdbType(type)}) AS cast${index}`),
  ];
  const checks = [
    ...attributes.flatMap(({ attribute, isRequired }) => (isRequired ? [`${attribute} IS NOT NULL`] : [])),
    // Of a line whose data is null, or is no object, every field would be null.
    ...(lines === 'event' ? ['has_data'] : []),
    ...readings.flatMap(({ keeps }, index) =>
      keeps === undefined ? [] : [`coalesce(${keeps(`value${index}`, `cast${index}`)}, true)`],
    ),
  ];
  const [first, ...others] = [
    ...attributes.map(({ attribute, name }) => ({ of: `cast_${attribute}`, name })),
    ...columns.map(({ name }, index) => ({ of: `cast${index}`, name: quotedName(name) })),
  ];
  const checked =
    checks.length === 0 ? first?.of : `CASE WHEN ${checks.join(' AND ')} THEN ${first?.of} ELSE error('doubtful') END`;
  const written = [`${checked} AS ${first?.name}`, ...others.map(({ of, name }) => `${of} AS ${name}`)];
  const ofEvent =
    lines === 'event' ? [...attributes.map(({ attribute }) => attribute), 'data IS NOT NULL AS has_data'] : [];
  const from = linesOf(
    conversion,
    lines === 'event'
      ? [...attributes.map(({ attribute }): [string, string] => [attribute, 'VARCHAR']), ['data', structOf(read)]]
      : read,
  );
  return copy(
    conversion,
    `SELECT ${written.join(', ')} FROM (SELECT *, ${cast.join(', ')} FROM ` +
      `(SELECT ${[...ofEvent, ...values].join(', ')} FROM ${from}))`,
    writtenAs,
  );
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
      return { as: 'VARCHAR', keeps: sameAgain('VARCHAR') };
    case 'date': {
      // DuckDB has a day that is called infinity.
      return {
        as: 'VARCHAR',
        keeps: (value, cast) => `(length(${value}) = 10 AND CAST(${cast} AS VARCHAR) = ${value})`,
      };
    }
    case 'double':
      return { ...NUMBER, keeps: (value) => `isfinite(${value})` };
    case 'decimal': {
      const exact = 15 - type.scale;
      if (exact <= 0) return undefined;
      return {
        ...NUMBER,
        keeps: (value, cast) => `(abs(${value}) < 1e${exact} AND CAST(${cast} AS DOUBLE) = ${value})`,
      };
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
      return as === duckdbType(type) ? { as } : { as, keeps: sameAgain(as) };
    }
  }
}

/** Of JSON's values, only numbers are doubles by their text: DuckDB would read true as 1. */
const NUMBER = { as: 'JSON', value: (read: string) => `CAST(CAST(${read} AS VARCHAR) AS DOUBLE)` };

/** Checks that a value comes back the same after the cast to the column's type. */
function sameAgain(as: string): Check {
  return (value, cast) => `CAST(${cast} AS ${as}) IS NOT DISTINCT FROM ${value}`;
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

/** Returns the lines of a file as a table with these columns, each by its name and type. */
function linesOf(
  { from, longestLine }: Conversion,
  columns: readonly (readonly [name: string, type: string])[],
): string {
  const read = columns.map(([name, type]) => `${quotedText(name)}: ${quotedText(type)}`).join(', ');
  return (
    `read_json(${quotedText(from)}, format = 'newline_delimited', ` +
    `records = 'true', maximum_object_size = ${Math.max(longestLine + 1, LEAST_OBJECT_SIZE)}, ` +
    `compression = 'uncompressed', columns = {${read}})`
  );
}

function copy({ to }: Conversion, select: string, writtenAs: string): string {
  return `COPY (${select}) TO ${quotedText(to)} ${writtenAs}`;
}

/** DuckDB reads lines in blocks of twice this size. */
const LEAST_OBJECT_SIZE = 1024 * 1024;

/** Readers skip row groups by their least and greatest values. The number is DuckDB's own. */
export const WRITTEN_AS = writtenWith();

/** Says how DuckDB writes a file, with more options of its own. */
export function writtenWith(...more: readonly string[]): string {
  return `(${['FORMAT parquet', 'COMPRESSION zstd', 'ROW_GROUP_SIZE 122880', ...more].join(', ')})`;
}
