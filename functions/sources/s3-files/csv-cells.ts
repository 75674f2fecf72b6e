import { EventRejected, UserMistake } from '../../runtime/errors.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import { columnsFound, fieldNames } from './csv-header.ts';

/** A row's data: as JSON, in which numbers keep their digits, and as the value that the JSON parses to. */
export interface RowData {
  readonly json: string;
  readonly value: unknown;
}

/**
 * Returns a function that reads rows under a header, by the types of a schema:
 * - A number, integer or boolean field accepts cells that look so (numbers as in JSON; true and false in any case).
 * - Every other field accepts any text.
 * - An empty cell is null where the schema allows null, else an empty text where it allows text, else a missing field
 *   where the field is optional.
 * - A column's name may have blanks around it, and capitals where its field has small letters: see `fieldNames`.
 * - Columns that the schema does not name are left out, as zod does. A loose schema keeps them as texts.
 *
 * Throws `EventRejected` for a header under which no row can fit the schema. The returned function throws
 * `EventRejected` for a row that does not fit.
 */
export function cellReader(schema: WireSchema, header: readonly string[]): (cells: readonly string[]) => RowData {
  const names = fieldNames(Object.keys(propertiesOf(schema)), header);
  checkHeader(schema, names, header);
  const columns = names.map((name) => columnOf(schema, name));
  return (cells) => {
    if (cells.length !== header.length)
      throw new EventRejected(
        'schema',
        `the row has ${cells.length} cells, and the header has ${header.length}: make them equal`,
      );
    const members: string[] = [];
    const value: Record<string, unknown> = {};
    const wrong: string[] = [];
    columns.forEach((column, index) => {
      if (column === undefined) return;
      const cell = read(cells[index] as string, column);
      if (cell === undefined) return;
      if (typeof cell === 'string') wrong.push(`${column.name}: ${cell}`);
      else {
        members.push(column.prefix + cell.json);
        define(value, column.name, cell.value);
      }
    });
    if (wrong.length > 0) throw new EventRejected('schema', wrong.join('; '));
    return { json: `{${members.join(',')}}`, value };
  };
}

/**
 * Throws a `UserMistake` for a schema that no CSV row can fit: not an object, or with fields that hold objects or
 * lists.
 */
export function checkCsvSchema(schema: WireSchema): void {
  if (resolved(schema, schema).type !== 'object')
    throw new UserMistake('s3FilesSource reads the rows of a CSV file as objects: its schema must be a z.object()');
  for (const [name, field] of Object.entries(propertiesOf(schema))) {
    if (kindsOf(schema, field).size === 0)
      throw new UserMistake(
        `s3FilesSource cannot read '${name}' from CSV: a cell is a text, number, boolean or null, never an object or list: change the schema, or use ndjson`,
      );
  }
}

type Kind = 'number' | 'boolean' | 'null' | 'string';

interface Column {
  readonly name: string;
  /** The field's name as JSON, with a colon. */
  readonly prefix: string;
  readonly kinds: ReadonlySet<Kind>;
  readonly mayBeMissing: boolean;
}

function checkHeader(schema: WireSchema, names: readonly string[], header: readonly string[]): void {
  const { required = [], additionalProperties } = resolved(schema, schema);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const missing = required.filter((name) => !names.includes(name));
  const known = propertiesOf(schema);
  const unknown = additionalProperties === false ? names.filter((name) => !Object.hasOwn(known, name)) : [];
  const wrong = [
    ...(names.includes('') ? ['a column without a name'] : []),
    ...twice.map((name) => `the column '${name}' twice`),
    ...missing.map((name) => `no column '${name}', which the schema requires`),
    ...unknown.map((name) => `the column '${name}', which the schema does not allow`),
  ];
  if (wrong.length === 0) return;
  const rename = twice.length > 0 ? ': rename one of the two in the file' : '';
  throw new EventRejected(
    'schema',
    `the header has ${wrong.join(', ')}; its columns are ${columnsFound(header)}${rename}`,
  );
}

function columnOf(schema: WireSchema, name: string): Column | undefined {
  const { required = [], additionalProperties } = resolved(schema, schema);
  const properties = propertiesOf(schema);
  const field = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
  if (field === undefined) return undefined;
  return {
    name,
    prefix: `${JSON.stringify(name)}:`,
    kinds: kindsOf(schema, field),
    mayBeMissing: !required.includes(name),
  };
}

interface Cell {
  readonly json: string;
  readonly value: unknown;
}

/** Reads a cell. Returns undefined for a missing field, and a text that says what is wrong with a bad cell. */
function read(cell: string, { kinds, mayBeMissing }: Column): Cell | string | undefined {
  if (cell === '') {
    if (kinds.has('null')) return NULL;
    if (!kinds.has('string')) return mayBeMissing ? undefined : `the cell is empty, expected ${expected(kinds)}`;
  }
  if (kinds.has('number')) {
    const digits = numberIn(cell);
    if (digits !== undefined) return { json: digits, value: Number(digits) };
  }
  if (kinds.has('boolean')) {
    const word = booleanIn(cell);
    if (word !== undefined) return { json: word, value: word === 'true' };
  }
  if (kinds.has('string')) return { json: JSON.stringify(cell), value: cell };
  return `the cell does not hold ${expected(kinds)}`;
}

const NULL: Cell = { json: 'null', value: null };
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Returns the number that a cell holds, as JSON writes it; undefined when the cell holds none. */
export function numberIn(cell: string): string | undefined {
  const digits = cell.trim();
  return JSON_NUMBER.test(digits) ? digits : undefined;
}

/** Returns the boolean that a cell holds, in any case of letters; undefined when the cell holds none. */
export function booleanIn(cell: string): 'true' | 'false' | undefined {
  const word = cell.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word : undefined;
}

function expected(kinds: ReadonlySet<Kind>): string {
  return [...kinds].map((kind) => (kind === 'null' ? 'nothing' : `a ${kind}`)).join(' or ');
}

/** Returns the kinds of value that a field accepts from a cell: none when the field accepts only objects and lists. */
function kindsOf(root: WireSchema, field: WireSchema | boolean): ReadonlySet<Kind> {
  if (typeof field === 'boolean') return new Set<Kind>(field ? ['string'] : []);
  const { type, anyOf, oneOf, allOf, enum: values, const: value } = resolved(root, field);
  if (values !== undefined) return new Set(values.map(kindOfValue));
  if (value !== undefined) return new Set([kindOfValue(value)]);
  if (type !== undefined) return new Set([type].flat().flatMap((each) => KINDS[each] ?? []));
  const parts = anyOf ?? oneOf ?? allOf;
  if (parts === undefined) return new Set<Kind>(['string']);
  return new Set(parts.flatMap((part) => [...kindsOf(root, part)]));
}

const KINDS: Readonly<Record<string, Kind>> = {
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
  string: 'string',
};

function kindOfValue(value: unknown): Kind {
  return value === null ? 'null' : (KINDS[typeof value] ?? 'string');
}

function propertiesOf(schema: WireSchema): Readonly<Record<string, WireSchema | boolean>> {
  return resolved(schema, schema).properties ?? {};
}

/** Follows a reference: zod puts a schema that is used twice under `$defs`. */
export function resolved(root: WireSchema, schema: WireSchema): WireSchema {
  const name = schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1];
  const target = name === undefined ? undefined : root.$defs?.[name];
  return target === undefined ? schema : resolved(root, target);
}

/** Sets a field, also one that is called `__proto__`. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true });
  else object[name] = value;
}
