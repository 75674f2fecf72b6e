import { booleanIn, numberIn } from '../../../../functions/sources/s3-files/csv-cells.ts';
import type { Column, SqlType } from '../../plan/sql-type.ts';
import { isScalar, JSONB, scalar } from '../../plan/sql-type.ts';

/** What the cells of a column are read as. `any`: as what each of them looks like. */
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
 * A cell as JSON. An empty one is null, or empty text where the column is text and cannot be null; a quoted empty one
 * is empty text. What is not what its column should be is text, which the statement refuses if it reads it.
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
 * The columns that a sample of cells has: number or boolean where every cell looks like one, else text. A sample proves
 * no more.
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

/** A cell's text, and whether it was quoted: then it is marked by a leading quote. */
export const unmarked = (cell: string): [text: string, quoted: boolean] =>
  cell.startsWith('"') ? [cell.slice(1), true] : [cell, false];
