import { isTimestamp } from '../../functions/runtime/json/timestamp.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Returns what a column of this type holds after a JSON value is written to it, or why Postgres rejects the value. */
export function columnValue(
  type: string,
  given: unknown,
): { readonly value: unknown } | { readonly code: string; readonly message: string } {
  if (type === 'jsonb') return { value: given };
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  switch (type) {
    case 'text':
      return { value: text };
    case 'integer':
      return integer(text, { type, bits: 32 });
    case 'bigint':
      return integer(text, { type, bits: 64 });
    case 'double precision':
    case 'numeric':
      return NUMBER.test(text.trim()) ? { value: Number(text) } : invalid(type, text);
    case 'boolean':
      return BOOLEANS.has(text) ? { value: BOOLEANS.get(text) } : invalid(type, text);
    case 'date':
      return isTime(text) ? { value: text.slice(0, DAY_LENGTH) } : badTime(type, text);
    case 'timestamptz':
      return isTime(text) ? { value: instant(text) } : badTime('timestamp with time zone', text);
    case 'timestamp':
      return isTime(text) || isTime(`${text}Z`)
        ? { value: text.replace(/(Z|[+-]\d\d:\d\d)$/i, '') }
        : badTime(type, text);
    case 'uuid':
      return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)
        ? { value: text.toLowerCase() }
        : invalid(type, text);
    default:
      throw new Error(`the kit's tables have no columns of type ${type}`);
  }
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const BOOLEANS = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word): [string, boolean] => [word, true]),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word): [string, boolean] => [word, false]),
]);
const DAY_LENGTH = '2026-01-31'.length;

/** Parses a time. A date stands for the beginning of that day in UTC. */
function isTime(text: string): boolean {
  return isTimestamp(text) || isTimestamp(`${text}T00:00:00Z`);
}

function integer(text: string, { type, bits }: { readonly type: string; readonly bits: number }) {
  const digits = /^\s*([-+]?\d+)\s*$/.exec(text)?.[1];
  if (digits === undefined) return invalid(type, text);
  const value = BigInt(digits);
  if (BigInt.asIntN(bits, value) !== value)
    return { code: '22003', message: `value "${text}" is out of range for type ${type}` };
  return { value: Number(value) };
}

/** Writes a time as Postgres writes it in JSON, in UTC: microseconds without trailing zeros. */
function instant(text: string): string {
  const [, fraction = ''] = /\.(\d+)/.exec(text) ?? [];
  const seconds = new Date(Date.parse(text.replace(/\.\d+/, ''))).toISOString().slice(0, 19);
  const micros = fraction.slice(0, 6).replace(/0+$/, '');
  return `${seconds}${micros === '' ? '' : `.${micros}`}+00:00`;
}

function invalid(type: string, text: string) {
  return { code: '22P02', message: `invalid input syntax for type ${type}: "${text}"` };
}

function badTime(type: string, text: string) {
  if (/^\d{4}-\d\d-\d\d/.test(text)) return { code: '22008', message: `date/time field value out of range: "${text}"` };
  return { code: '22007', message: `invalid input syntax for type ${type}: "${text}"` };
}
