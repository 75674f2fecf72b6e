import { invalidInput } from '../errors/sql-error.ts';

/** Reads a uuid. Its value is the canonical text: lower case, with hyphens. */
export function uuidFromText(text: string): string {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!/^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/i.test(inner)) invalidInput('uuid', text);
  const hex = inner.replaceAll('-', '').toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const compareUuids = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Returns the version of an RFC 9562 uuid; null for another variant. */
export function uuidVersion(uuid: string): number | null {
  return isRfc9562(uuid) ? Number.parseInt(uuid.charAt(14), 16) : null;
}

const isRfc9562 = (uuid: string): boolean => /[89ab]/.test(uuid.charAt(19));

const MICROS_FROM_GREGORIAN_TO_2000 = 13_165_977_600_000_000n;
const MICROS_FROM_1970_TO_2000 = 946_684_800_000_000n;

/** Returns the time at which a uuid of version 1 or 7 was made, as a timestamptz; null for other versions. */
export function uuidTimestamp(uuid: string): bigint | null {
  const version = uuidVersion(uuid);
  const hex = uuid.replaceAll('-', '');
  if (version === 7) return BigInt(`0x${hex.slice(0, 12)}`) * 1000n - MICROS_FROM_1970_TO_2000;
  if (version !== 1) return null;
  const ticks = BigInt(`0x${hex.slice(13, 16)}${hex.slice(8, 12)}${hex.slice(0, 8)}`);
  return ticks / 10n - MICROS_FROM_GREGORIAN_TO_2000;
}
