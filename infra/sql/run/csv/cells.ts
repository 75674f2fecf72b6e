import { booleanIn, numberIn } from '../../../../functions/sources/s3-files/csv-cells.ts';
import type { Column, SqlType } from '../../plan/sql-type.ts';
import { isScalar, JSONB, scalar } from '../../plan/sql-type.ts';

/** The kind of value that a column's cells are read as. `any`: each cell as the kind that it looks like. */
export type CellKind = 'number' | 'boolean' | 'text' | 'other' | 'any';

export interface CellColumn {
  readonly kind: CellKind;
  readonly nullable: boolean;
}

export function cellColumn({ type, nullable }: Column): CellColumn {
  return { kind: kindOf(type), nullable };
}

const NUMBERS: readonly string[] = ['integer', 'bigint', 'double precision', 'numeric'];

function kindOf(type: SqlType): CellKind {
  if (type.kind !== 'scalar') return 'other';
  if (NUMBERS.includes(type.name)) return 'number';
  if (type.name === 'boolean' || type.name === 'text') return type.name;
  return isScalar(type, 'jsonb') ? 'any' : 'other';
}

/**
 * Converts a cell to JSON. An empty cell is null, or empty text if the column is text and cannot be null; a quoted
 * empty cell is empty text. A cell that does not fit its column becomes text: a statement that reads it rejects the
 * event.
 */
export function cellJson({ kind, nullable }: CellColumn, text: string, quoted: boolean): string {
  if (text === '' && !(kind === 'text' && (quoted || !nullable)) && !(kind === 'any' && quoted)) return 'null';
  if (kind === 'number') return numberIn(text) ?? JSON.stringify(text);
  if (kind === 'boolean') return booleanIn(text) ?? JSON.stringify(text);
  return kind === 'any' && looksLike(text, quoted) !== 'text' ? text : JSON.stringify(text);
}

const PLAIN_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

function looksLike(text: string, quoted: boolean): 'number' | 'boolean' | 'text' | undefined {
  if (quoted) return 'text';
  if (text === '') return undefined;
  if (text === 'true' || text === 'false') return 'boolean';
  return PLAIN_NUMBER.test(text) ? 'number' : 'text';
}

/**
 * Infers columns from a sample of records: number or boolean if every cell looks like one, otherwise text. Every column
 * may be null, because a sample cannot prove the contrary.
 */
export function inferCellColumns(header: readonly string[], sample: readonly (readonly string[])[]): readonly Column[] {
  return header.map((name, i) => {
    const looks = new Set(sample.map((cells) => looksLike(...unmarked(cells[i] ?? ''))));
    looks.delete(undefined);
    const [only] = looks;
    const type = looks.size === 0 ? JSONB : looks.size > 1 || only === undefined ? scalar('text') : TYPES[only];
    return { name, type, nullable: true };
  });
}

const TYPES = { number: scalar('numeric'), boolean: scalar('boolean'), text: scalar('text') } as const;

/** Returns a cell's text and whether it was quoted. The parser marks a quoted cell with a leading quote. */
export const unmarked = (cell: string): [text: string, quoted: boolean] =>
  cell.startsWith('"') ? [cell.slice(1), true] : [cell, false];
