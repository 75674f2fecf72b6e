import type { A_Indirection, ColumnRef } from 'libpg-query';
import { OTHER_COLUMNS } from '../catalog/other-dialects.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { INTEGER, typeName } from '../plan/sql-type.ts';
import { namesOf } from '../syntax/parse-nodes.ts';
import { suggest } from '../syntax/suggest.ts';
import type { CheckContext } from './context.ts';
import { coerce, mistake } from './context.ts';

/** Checks `column` and `table.column`. A column of the data hides the event attribute of the same name. */
export function checkColumn(context: CheckContext, node: ColumnRef): Checked {
  const offset = context.offsetOf(node.location);
  const names = namesOf(node.fields);
  if (names.length < (node.fields ?? []).length)
    throw mistake(context, 'invalid', { offset, problem: '* is allowed only as an item of the SELECT list' });
  const [name = '', second] = names;
  if (names.length > 2)
    throw mistake(context, 'invalid', {
      offset,
      problem: `there is no column ${names.join('.')}`,
      hint: `write a field of an object as (${names.slice(0, -1).join('.')}).${names.at(-1)}`,
    });
  const column =
    second === undefined
      ? unqualified(context, name, offset)
      : qualified(context, { table: name, name: second, offset });
  return { kind: 'column', column, type: column.type, nullable: column.nullable, offset };
}

/**
 * Returns the hint for columns of one name of which an input has several, so that no statement can tell them apart: the
 * header of a CSV file may have a name twice. Returns undefined if each is of an input of its own.
 */
export function hintOfTwice(columns: readonly ScopeColumn[]): string | undefined {
  const inputs = new Set(columns.map(({ table }) => table));
  return inputs.size < columns.length
    ? 'the input has several columns of this name: rename them there, in a file of CSV in its header'
    : undefined;
}

function unqualified(context: CheckContext, name: string, offset: number): ScopeColumn {
  const found = context.columns.filter((column) => column.name === name);
  const own = found.filter((column) => column.origin !== 'event' && column.isMerged !== true);
  // The bounds of the window hide columns of the data.
  const bounds = own.filter((column) => column.origin === 'group');
  const chosen = bounds.length > 0 ? bounds : own.length > 0 ? own : found;
  const [first] = chosen;
  if (first !== undefined && chosen.length === 1) return first;
  if (first !== undefined)
    throw mistake(context, 'invalid', {
      offset,
      problem: `column "${name}" is ambiguous`,
      hint: hintOfTwice(chosen) ?? `write ${chosen.map(({ table }) => `${table}.${name}`).join(' or ')}`,
    });
  throw mistake(context, 'invalid', {
    offset,
    problem: `there is no column "${name}"`,
    hint: missingHint(context, name, offset),
  });
}

function missingHint({ source, columns, selected = [] }: CheckContext, name: string, offset: number): string {
  const fields = columns.filter(({ table, origin }) => table === name && origin === 'unnest');
  if (fields.length > 0) return `its fields are columns: ${fields.map((field) => `${name}.${field.name}`).join(', ')}`;
  if (selected.includes(name))
    return `"${name}" is the name of an output column, which cannot be used here: repeat its expression`;
  const known = [...new Set(columns.map((column) => column.name))];
  const near = OTHER_COLUMNS.get(name) ?? nearest(name, known);
  if (near !== undefined) return near;
  if (source.text[offset] === '"') return `double quotes are for names: write a text as '${name}'`;
  return `the columns are ${known.join(', ')}`;
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const near = suggest(name, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

function qualified(
  context: CheckContext,
  { table, name, offset }: { table: string; name: string; offset: number },
): ScopeColumn {
  const inTable = context.columns.filter((column) => column.table === table);
  const found = inTable.find((column) => column.name === name);
  if (found !== undefined) return found;
  const hint = inTable.length > 0 ? suggestion(name, namesIn(inTable)) : tableHint(context, table, name);
  throw mistake(context, 'invalid', {
    offset,
    problem: inTable.length === 0 ? `there is no "${table}" in FROM` : `there is no column "${table}.${name}"`,
    hint,
  });
}

const namesIn = (columns: readonly ScopeColumn[]): readonly string[] => columns.map((column) => column.name);

/** Returns a hint for an unknown table name: perhaps it is a column whose fields or elements were meant. */
function tableHint({ columns }: CheckContext, table: string, name: string): string {
  const type = columns.find((column) => column.name === table && column.origin !== 'event')?.type;
  if (type?.kind === 'record') return `write a field of an object as (${table}).${name}`;
  if (type?.kind === 'array' && type.element.kind === 'record')
    return `unnest the list in FROM: unnest(${table}) AS item, then item.${name}`;
  if (type !== undefined && typeName(type) === 'jsonb') return `write ${table} -> '${name}' or ${table} ->> '${name}'`;
  return `the known names are ${[...new Set(columns.map((column) => column.table))].join(', ')}`;
}

function suggestion(name: string, known: readonly string[]): string {
  return nearest(name, known) ?? `it has ${known.join(', ')}`;
}

/** Checks `(object).field`, `array[i]` and `array[from:to]`. */
export function checkIndirection(context: CheckContext, node: A_Indirection): Checked {
  if (node.arg === undefined) throw new Error('an indirection without its argument');
  let value = context.check(node.arg);
  for (const step of node.indirection ?? []) {
    if ('String' in step) value = field(context, value, step.String.sval ?? '');
    else if ('A_Indices' in step) value = subscript(context, value, step.A_Indices);
    else
      throw mistake(context, 'unsupported', {
        offset: value.offset,
        problem: '.* of an object is not supported',
        hint: 'list its fields',
      });
  }
  return value;
}

function field(context: CheckContext, record: Checked, name: string): Checked {
  const { offset } = record;
  if (record.type.kind !== 'record')
    throw mistake(context, 'invalid', {
      offset,
      problem: `${typeName(record.type)} has no fields`,
      hint: typeName(record.type) === 'jsonb' ? `write -> '${name}' or ->> '${name}'` : undefined,
    });
  const found = record.type.fields.find((known) => known.name === name);
  if (found === undefined)
    throw mistake(context, 'invalid', {
      offset,
      problem: `the object has no field "${name}"`,
      hint: suggestion(
        name,
        record.type.fields.map((known) => known.name),
      ),
    });
  return { kind: 'field', record, field: name, type: found.type, nullable: record.nullable || found.nullable, offset };
}

type Indices = {
  readonly is_slice?: boolean;
  readonly lidx?: Parameters<CheckContext['check']>[0];
  readonly uidx?: Parameters<CheckContext['check']>[0];
};

function subscript(context: CheckContext, array: Checked, indices: Indices): Checked {
  const { offset } = array;
  if (array.type.kind !== 'array')
    throw mistake(context, typeName(array.type) === 'jsonb' ? 'unsupported' : 'invalid', {
      offset,
      problem: `${typeName(array.type)} has no elements: only arrays can be subscripted`,
      hint: typeName(array.type) === 'jsonb' ? 'use -> with a key, or with an index from 0' : undefined,
    });
  const bound = (node: Indices['lidx']): Checked | undefined => {
    if (node === undefined) return undefined;
    const index = context.check(node);
    const converted = coerce(context, index, INTEGER);
    if (converted === undefined)
      throw mistake(context, 'invalid', {
        offset: index.offset,
        problem: `an array subscript must be an integer, not ${typeName(index.type)}`,
      });
    return converted;
  };
  if (indices.is_slice === true) {
    const [from, to] = [bound(indices.lidx), bound(indices.uidx)];
    const nullable = [array, from, to].some((part) => part?.nullable === true);
    return { kind: 'slice', array, from, to, type: array.type, nullable, offset };
  }
  const index = bound(indices.uidx);
  if (index === undefined) throw new Error('a subscript without an index');
  return { kind: 'element', array, index, type: array.type.element, nullable: true, offset };
}
