import type { Column, ScalarName, SqlType } from '../../../infra/sql/plan/sql-type.ts';
import { arrayOf, scalar, typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Leaf } from './generator.ts';
import { POOLS } from './pools.ts';
import type { Random } from './random.ts';

/**
 * A stream of random columns: of every type, nested, some of them never null, some with names that break naive code.
 */
export interface TestTable {
  readonly columns: readonly Column[];
}

const SCALARS: readonly ScalarName[] = [
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'numeric',
  'text',
  'text',
  'integer',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
  'jsonb',
];
const HOSTILE = ['Amount', 'é', 'a b', 'class', 'constructor', '__proto__', 'toString', 'it"s', 'row', 'key', '', '$1'];

export function randomTable(random: Random): TestTable {
  const count = 5 + random.below(8);
  const names = new Set<string>();
  for (let i = 0; i < count; i += 1) names.add(random.chance(0.1) ? random.pick(HOSTILE.filter(Boolean)) : `c${i}`);
  return { columns: [...names].map((name) => ({ name, type: randomType(random), nullable: random.chance(0.7) })) };
}

function randomType(random: Random): SqlType {
  const plain = (): SqlType => scalar(random.pick(SCALARS));
  if (random.chance(0.6)) return plain();
  const record = (): SqlType => ({
    kind: 'record',
    fields: ['city', 'Zip', 'n', 'toString']
      .slice(0, 1 + random.below(4))
      .map((name) => ({ name, type: plain(), nullable: random.chance(0.7) })),
  });
  if (random.chance(0.4)) return record();
  return arrayOf(random.chance(0.4) ? record() : plain());
}

export const quoteName = (name: string): string =>
  /^[a-z][a-z0-9]*$/.test(name) && name !== 'row' ? name : `"${name.replaceAll('"', '""')}"`;

/** What expressions can name: columns, fields of objects, elements of lists and the event's own attributes. */
export function leavesOf({ columns }: TestTable, table: string): readonly Leaf[] {
  return [...columns.flatMap((column) => leavesOfColumn(column, `${table}.${quoteName(column.name)}`)), ...ATTRIBUTES];
}

export function leavesOfColumn({ type }: Column, sql: string): readonly Leaf[] {
  if (type.kind === 'record') return type.fields.map((field) => fieldLeaf(field, sql));
  if (type.kind === 'scalar') return [{ sql, type: type.name }];
  const { element } = type;
  if (element.kind === 'record') return element.fields.map((field) => fieldLeaf(field, `${sql}[1]`));
  return [
    { sql, type: typeName(type) },
    { sql: `${sql}[2]`, type: typeName(element) },
  ];
}

const fieldLeaf = ({ name, type }: Column, record: string): Leaf => ({
  sql: `(${record}).${quoteName(name)}`,
  type: typeName(type),
});

const ATTRIBUTES: readonly Leaf[] = [
  { sql: 'event.key', type: 'text' },
  { sql: 'event."time"', type: 'timestamptz' },
  { sql: 'event.source', type: 'text' },
  { sql: 'event.id', type: 'text' },
  { sql: 'event.type', type: 'text' },
];

/** The same columns in Postgres: `row_type`, its nested types, and what they are called. */
export function typeDefinitions({ columns }: TestTable): readonly string[] {
  const definitions: string[] = [];
  const nameOf = (type: SqlType): string => {
    if (type.kind === 'scalar') return type.name;
    if (type.kind === 'array') return `${nameOf(type.element)}[]`;
    const name = `record${definitions.length + 1}`;
    definitions.push(`create type ${name} as (${type.fields.map(field).join(', ')})`);
    return name;
  };
  const field = ({ name, type }: Column): string => `"${name.replaceAll('"', '""')}" ${nameOf(type)}`;
  const fields = columns.map(field).join(', ');
  return [...definitions, `create type row_type as (${fields})`];
}

/** An event's data: each column's JSON, or nothing where it is left out. */
export type TestEvent = readonly (readonly [name: string, json: string])[];

export function randomEvent(random: Random, { columns }: TestTable): TestEvent {
  return columns.flatMap(({ name, type, nullable }) => {
    if (nullable && random.chance(0.08)) return [];
    // Inside of an object it would be a number of jsonb, in which zero has no sign.
    const negativeZero = typeName(type) === 'double precision' && random.chance(0.1);
    return [[name, negativeZero ? '-0' : jsonOf(random, type, nullable)] as const];
  });
}

function jsonOf(random: Random, type: SqlType, nullable: boolean): string {
  if (nullable && random.chance(0.15)) return 'null';
  if (type.kind === 'array') {
    // Postgres takes lists in a list of jsonb for dimensions.
    const items = Array.from({ length: random.below(4) }, () => jsonOf(random, type.element, true)).filter(
      (item) => !item.startsWith('['),
    );
    return `[${items.join(random.pick([',', ', ']))}]`;
  }
  if (type.kind === 'record') {
    const fields = type.fields.filter((field) => !field.nullable || random.chance(0.9));
    return `{${fields.map((field) => `${spelled(random, field.name)}: ${jsonOf(random, field.type, field.nullable)}`).join(',')}}`;
  }
  return scalarValue(random, type.name);
}

function scalarValue(random: Random, type: ScalarName): string {
  const values = POOLS[type] ?? [];
  switch (type) {
    case 'boolean':
    case 'integer':
    case 'bigint':
      return random.pick(values);
    case 'double precision':
      return random.pick(values.filter((value) => /\d/.test(value) && value !== '-0'));
    case 'numeric':
      return random.pick([...values.filter((value) => /\d/.test(value)), '1E2', '-2.50e-3', '9007199254740993.25']);
    case 'jsonb':
      return random.pick(values.filter((value) => value !== 'null'));
    default:
      return spelled(random, random.pick(values));
  }
}

/** A JSON string: plain, or with some of its characters as escapes. */
export function spelled(random: Random, text: string): string {
  if (random.chance(0.8)) return JSON.stringify(text);
  const units = text.split('').map((unit) => {
    if (random.chance(0.5)) return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return unit === '/' ? '\\/' : JSON.stringify(unit).slice(1, -1);
  });
  // Half a pair stays an escape beside its other half.
  return /[\ud800-\udfff]/.test(text) ? JSON.stringify(text) : `"${units.join('')}"`;
}

/**
 * An event as a producer may write it: shuffled, spaced, with unknown and repeated keys. The last of a repeated key
 * counts.
 */
export function eventText(random: Random, event: TestEvent): string {
  const entries = event.map(([name, json]) => [spelled(random, name), json] as const);
  if (random.chance(0.3)) entries.sort(() => random.below(3) - 1);
  if (random.chance(0.2)) entries.splice(random.below(entries.length + 1), 0, ['"unknown"', '[{"x": "}"}, "\\""]']);
  const [first] = event;
  if (first !== undefined && random.chance(0.1)) entries.unshift([JSON.stringify(first[0]), '{"not": "this"}']);
  const gap = random.pick(['', '', '', ' ', '\t']);
  return `{${entries.map(([name, json]) => `${gap}${name}:${gap}${json}`).join(`${gap},`)}${gap}}`;
}
