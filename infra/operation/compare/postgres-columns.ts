import type { Form } from './forms.ts';

export interface TableColumn {
  readonly name: string;
  /** The oid of its type; of a domain, that of its base type. */
  readonly type: number;
  /** Postgres's own class of types: `A` are arrays, `C` composites. */
  readonly category: string;
}

/** Types of Postgres's own keep their oids for ever. */
const FORMS: ReadonlyMap<number, Form> = new Map<number, Form>([
  [16, { kind: 'boolean' }],
  [20, { kind: 'number' }],
  [21, { kind: 'number' }],
  [23, { kind: 'number' }],
  [1700, { kind: 'number' }],
  [700, { kind: 'double' }],
  [701, { kind: 'double' }],
  [1042, { kind: 'padded' }],
  [1082, { kind: 'date' }],
  [1114, { kind: 'moment' }],
  [1184, { kind: 'moment' }],
  [2950, { kind: 'uuid' }],
  [114, { kind: 'json' }],
  [3802, { kind: 'json' }],
]);

const JSON_TYPES = [114, 3802];

/** Returns how a column keeps values. Undefined: as texts. */
export function columnForm(column: TableColumn): Form | undefined {
  return isWrittenAsJson(column) ? { kind: 'json' } : FORMS.get(column.type);
}

/** Tells whether the values of a column are read as JSON: JSON itself, lists and composites. */
export function isWrittenAsJson({ type, category }: TableColumn): boolean {
  return JSON_TYPES.includes(type) || category === 'A' || category === 'C';
}
