import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { cutText } from '../../runtime/cut-text.ts';
import { EventRejected } from '../../runtime/errors.ts';

/** The attributes that the sink itself writes, beside the fields of the data. */
export const VERSION = 'millrace_version';
export const DELETED = 'millrace_deleted';
/** When DynamoDB's TTL may remove a tombstone, in seconds since 1970. */
export const EXPIRES = 'millrace_expires';

export type Item = Record<string, AttributeValue>;

/** DynamoDB's limits (developer guide, constraints). */
const MOST_KEY_BYTES = 2_048;
const DEEPEST = 32;
const MOST_DIGITS = 38;
const LARGEST_EXPONENT = 125;
const SMALLEST_EXPONENT = -130;

/** What an item is made of. */
export interface ToStore {
  readonly key: { readonly name: string; readonly value: string };
  readonly version: bigint;
}

/** Makes the item of an event: each field of its data is an attribute. Throws `EventRejected` for data that is none. */
export function itemOf(dataBytes: Uint8Array, { key, version }: ToStore): Item {
  const data = parsed(dataBytes);
  if (!isObject(data)) throw refusal(`its data is ${typeText(data)}, and an item is made of an object`);
  const item: Item = {};
  for (const [name, value] of Object.entries(data)) {
    if ([VERSION, DELETED, EXPIRES].includes(name))
      throw refusal(`it has a field '${name}', which is the sink's own attribute`);
    if (name === key.name && value !== key.value && digitsOf(value) !== key.value)
      throw refusal(`its field '${name}' is not its key, and the table has its key there`);
    // A property, whatever its name.
    Object.defineProperty(item, name, { value: attributeOf(value, [name]), enumerable: true, configurable: true });
  }
  return { ...item, ...keyAndVersion({ key, version }) };
}

/** Makes the item that stays where an item was deleted, so that no older event brings it back. */
export function tombstoneOf(of: ToStore, expiresMillis: number): Item {
  return {
    ...keyAndVersion(of),
    [DELETED]: { BOOL: true },
    [EXPIRES]: { N: String(Math.ceil(expiresMillis / 1_000)) },
  };
}

/** Throws `EventRejected` for a text that cannot be a key of the table. */
export function checkKey(value: string, reserved: string): void {
  if (value === '' || Buffer.byteLength(value) > MOST_KEY_BYTES)
    throw refusal(`its key has ${Buffer.byteLength(value)} bytes, and DynamoDB takes 1 to ${MOST_KEY_BYTES}`);
  if (value === reserved) throw refusal(`its key is '${reserved}', which is the sink's own item`);
}

function keyAndVersion({ key, version }: ToStore): Item {
  return { [key.name]: { S: key.value }, [VERSION]: { N: version.toString() } };
}

function attributeOf(value: unknown, path: readonly string[]): AttributeValue {
  if (path.length > DEEPEST) throw refusal(`its field '${nameOf(path)}' is nested deeper than ${DEEPEST} levels`);
  const digits = digitsOf(value);
  if (digits !== undefined) return { N: checkedDigits(digits, path) };
  if (value === null) return { NULL: true };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map((one, index) => attributeOf(one, [...path, String(index)])) };
  if (!isObject(value)) return { S: String(value) };
  return {
    M: Object.fromEntries(Object.entries(value).map(([name, one]) => [name, attributeOf(one, [...path, name])])),
  };
}

/** Throws for a number that DynamoDB would refuse, or round. */
function checkedDigits(text: string, path: readonly string[]): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const significant = `${whole}${fraction}`.replace(/^0+/, '').replace(/0+$/, '');
  if (significant === '') return '0';
  const leadingZeros = `${whole}${fraction}`.length - `${whole}${fraction}`.replace(/^0+/, '').length;
  const magnitude = Number(exponent) + whole.length - 1 - leadingZeros;
  if (significant.length > MOST_DIGITS || magnitude > LARGEST_EXPONENT || magnitude < SMALLEST_EXPONENT)
    throw refusal(
      `its field '${nameOf(path)}' is ${cutText(text, 60)}, and DynamoDB holds numbers of ${MOST_DIGITS} digits, from 1E${SMALLEST_EXPONENT} to 9.9E${LARGEST_EXPONENT}`,
    );
  return text;
}

function nameOf(path: readonly string[]): string {
  return cutText(path.slice(0, 5).join('.'), 100);
}

const DIGITS = Symbol('digits');

/** Parses JSON. A number keeps its digits, also those that a number of JavaScript does not hold. */
function parsed(dataBytes: Uint8Array): unknown {
  const text = Buffer.from(dataBytes.buffer, dataBytes.byteOffset, dataBytes.length).toString();
  const keepDigits = (...[, value, { source }]: [string, unknown, { readonly source?: string }]): unknown =>
    typeof value === 'number' ? { [DIGITS]: source ?? String(value) } : value;
  try {
    return JSON.parse(text, keepDigits as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    // Data that is nested some thousand levels deep.
    if (error instanceof RangeError) throw refusal(`its data is nested deeper than ${DEEPEST} levels`);
    throw error;
  }
}

function digitsOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? (value as { readonly [DIGITS]?: string })[DIGITS] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && digitsOf(value) === undefined;
}

function typeText(value: unknown): string {
  if (value === null) return 'null';
  if (digitsOf(value) !== undefined) return 'a number';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

function refusal(message: string): EventRejected {
  return new EventRejected('refused', message);
}
