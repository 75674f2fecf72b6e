import { EventRejected, UserMistake } from '../../runtime/errors.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';

/** A row as its event's data: as JSON, numbers with the digits they came with, and the same parsed. */
export interface RowData {
  readonly json: string;
  readonly value: unknown;
}

/**
 * Reads rows under a header by the types of a schema:
 * - a number, integer or boolean field takes cells that are written so (numbers as in JSON; true and false in any
 *   case);
 * - every other field takes any text;
 * - an empty cell is null where null is allowed, else an empty text where text is allowed, else missing where the field
 *   may be missing;
 * - columns that the schema does not name are left out, as zod does, unless the schema is loose: then they are texts.
 *
 * Throws `EventRejected` for a header under which no row can fit the schema; the function it returns does so for a row.
 */
export function cellReader(schema: WireSchema, header: readonly string[]): (cells: readonly string[]) => RowData {
  checkHeader(schema, header);
  const columns = header.map((name) => columnOf(schema, name));
  return (cells) => {
    if (cells.length !== header.length)
      throw new EventRejected('schema', `the row has ${cells.length} cells, the header ${header.length}`);
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
 * Throws a `UserMistake` for a schema that no CSV row can fit: one that is no object, or has fields that are objects or
 * lists.
 */
export function checkCsvSchema(schema: WireSchema): void {
  if (resolved(schema, schema).type !== 'object')
    throw new UserMistake('s3FilesSource reads the rows of a CSV file as objects: its schema must be a z.object()');
  for (const [name, field] of Object.entries(propertiesOf(schema))) {
    if (kindsOf(schema, field).size === 0)
      throw new UserMistake(
        `s3FilesSource cannot read '${name}' from CSV: a cell is a text, number, boolean or null, no object or list`,
      );
  }
}

type Kind = 'number' | 'boolean' | 'null' | 'string';

interface Column {
  readonly name: string;
  /** The member's name as JSON, with its colon. */
  readonly prefix: string;
  readonly kinds: ReadonlySet<Kind>;
  readonly mayBeMissing: boolean;
}

function checkHeader(schema: WireSchema, header: readonly string[]): void {
  const { required = [], additionalProperties } = resolved(schema, schema);
  const twice = header.filter((name, index) => header.indexOf(name) !== index);
  const missing = required.filter((name) => !header.includes(name));
  const known = propertiesOf(schema);
  const unknown = additionalProperties === false ? header.filter((name) => !Object.hasOwn(known, name)) : [];
  const wrong = [
    ...(header.includes('') ? ['a column without a name'] : []),
    ...twice.map((name) => `the column '${name}' twice`),
    ...missing.map((name) => `no column '${name}', which the schema requires`),
    ...unknown.map((name) => `the column '${name}', which the schema does not allow`),
  ];
  if (wrong.length > 0) throw new EventRejected('schema', `the header has ${wrong.join(', ')}`);
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

/** Undefined: the field is missing. A text: what is wrong. */
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

/** The number that a cell holds, as JSON writes it. Undefined: it holds none. */
export function numberIn(cell: string): string | undefined {
  const digits = cell.trim();
  return JSON_NUMBER.test(digits) ? digits : undefined;
}

/** The same of a boolean, in any case. */
export function booleanIn(cell: string): 'true' | 'false' | undefined {
  const word = cell.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word : undefined;
}

function expected(kinds: ReadonlySet<Kind>): string {
  return [...kinds].map((kind) => (kind === 'null' ? 'nothing' : `a ${kind}`)).join(' or ');
}

/** What a field's schema takes from a cell; empty when it takes objects and lists alone. */
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

/** zod puts what it uses twice under `$defs`. */
function resolved(root: WireSchema, schema: WireSchema): WireSchema {
  const name = schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1];
  const target = name === undefined ? undefined : root.$defs?.[name];
  return target === undefined ? schema : resolved(root, target);
}

/** A column may be called `__proto__`. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true });
  else object[name] = value;
}
