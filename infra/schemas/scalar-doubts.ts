import type { JsonSchema } from '../../functions/runtime/json/schema-fields.ts';

/** Tells whether a reader of numbers may refuse a number that was written. */
export function numberDoubt(reader: JsonSchema, written: JsonSchema): boolean {
  const areWhole = written.type === 'integer';
  const isTaken = (['least', 'most'] as const).every((side) => {
    const [taken, given] = [boundOf(reader, side, areWhole), boundOf(written, side, areWhole)];
    const isInside = side === 'least' ? given.at > taken.at : given.at < taken.at;
    return isInside || (given.at === taken.at && (!taken.isOpen || given.isOpen));
  });
  return !isTaken || !isMultiple(reader, written);
}

interface Bound {
  readonly at: number;
  /** True when the number itself is out of bounds. */
  readonly isOpen: boolean;
}

function boundOf(schema: JsonSchema, side: 'least' | 'most', areWhole: boolean): Bound {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  const sign = side === 'least' ? 1 : -1;
  const closed = side === 'least' ? minimum : maximum;
  const open = side === 'least' ? exclusiveMinimum : exclusiveMaximum;
  const from = (bound: unknown): number => (bound === undefined ? -Infinity : sign * Number(bound));
  const isOpen = from(open) >= from(closed) && open !== undefined;
  const at = sign * Math.max(from(open), from(closed));
  if (!areWhole || !Number.isFinite(at)) return { at, isOpen };
  const whole = side === 'least' ? Math.ceil(at) : Math.floor(at);
  return { at: isOpen && whole === at ? whole + sign : whole, isOpen: false };
}

function isMultiple({ multipleOf: wanted }: JsonSchema, { type, multipleOf }: JsonSchema): boolean {
  if (wanted === undefined) return true;
  if (multipleOf !== undefined && Number.isInteger(multipleOf / wanted)) return true;
  return type === 'integer' && Number.isInteger(1 / wanted);
}

/** Tells whether a reader of texts may refuse a text that was written. */
export function textDoubt(reader: JsonSchema, written: JsonSchema): boolean {
  const parts = [written, ...((written.allOf ?? []) as readonly JsonSchema[])];
  const says = (key: 'format' | 'pattern' | 'contentEncoding'): boolean =>
    reader[key] === undefined || parts.some((part) => part[key] === reader[key]);
  const isSaid = (['format', 'pattern', 'contentEncoding'] as const).every(says);
  return !isSaid || !parts.some((part) => !lengthDoubt(reader, part, 'Length'));
}

/** Tells whether a reader may refuse how long a text or a list is. */
export function lengthDoubt(reader: JsonSchema, written: JsonSchema, of: 'Length' | 'Items'): boolean {
  const bound = (schema: JsonSchema, key: string, otherwise: number): number =>
    (schema as Readonly<Record<string, number | undefined>>)[key] ?? otherwise;
  return (
    bound(written, `min${of}`, 0) < bound(reader, `min${of}`, 0) ||
    bound(written, `max${of}`, Infinity) > bound(reader, `max${of}`, Infinity)
  );
}
