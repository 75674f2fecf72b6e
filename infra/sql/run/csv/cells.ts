import { booleanIn, numberIn } from '../../../../functions/sources/s3-files/csv-cells.ts';
import type { Column, SqlType } from '../../plan/sql-type.ts';
import { isScalar, JSONB, scalar } from '../../plan/sql-type.ts';
import { type InferredColumns, type MixedColumn, shown } from '../../schema/infer-columns.ts';

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

type Look = 'number' | 'boolean' | 'text';

function looksLike(text: string, quoted: boolean): Look | undefined {
  if (quoted) return 'text';
  if (text === '') return undefined;
  if (text === 'true' || text === 'false') return 'boolean';
  return PLAIN_NUMBER.test(text) ? 'number' : 'text';
}

/** A cell of a sample. */
export interface Cell {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A record of a sample. */
export interface SampledRecord {
  readonly line: number;
  readonly cells: readonly Cell[];
}

/**
 * Infers columns from a sample of records: number or boolean if every cell looks like one, otherwise text. Every column
 * may be null, because a sample cannot prove the contrary.
 */
export function inferCellColumns(header: readonly string[], sample: readonly SampledRecord[]): InferredColumns {
  const mixed: MixedColumn[] = [];
  const columns = header.map((name, i): Column => {
    let first: Look | undefined;
    for (const { line, cells } of sample) {
      const { text, isQuoted } = cells[i] as Cell;
      const look = looksLike(text, isQuoted);
      first ??= look;
      if (look === undefined || look === first) continue;
      mixed.push({ name, first: PLURALS[first as Look], line, value: shown(text), type: 'text' });
      return { name, type: scalar('text'), nullable: true };
    }
    return { name, type: first === undefined ? JSONB : TYPES[first], nullable: true };
  });
  return { columns, mixed };
}

const TYPES = { number: scalar('numeric'), boolean: scalar('boolean'), text: scalar('text') } as const;
const PLURALS = { number: 'numbers', boolean: 'true or false', text: 'text' } as const;
