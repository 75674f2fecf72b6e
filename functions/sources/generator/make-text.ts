import { UserMistake } from '../../runtime/errors.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import { type Random, wholeNumber } from './random.ts';

/** How many different texts a field without a format has. */
const USUAL_TEXTS = 50;

/** Makes a text that fits a schema. Throws a `UserMistake` for a pattern or a format that it does not know. */
export function makeText(
  { format, pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: WireSchema,
  { name, random, time }: { readonly name: string; readonly random: Random; readonly time: Date },
): string {
  if (format !== undefined) return formatted(format, { name, random, time });
  if (pattern !== undefined)
    throw new UserMistake(`'${name}' has the pattern ${pattern}: list values for it, values: { '${name}': […] }`);
  const text = `${name}-${wholeNumber(random, 1, USUAL_TEXTS)}`;
  return text.padEnd(minLength, '-').slice(0, maxLength);
}

function formatted(
  format: string,
  { name, random, time }: { readonly name: string; readonly random: Random; readonly time: Date },
): string {
  switch (format) {
    case 'date-time':
      return time.toISOString();
    case 'date':
      return time.toISOString().slice(0, 10);
    case 'time':
      return time.toISOString().slice(11, 19);
    case 'uuid':
      return uuid(random);
    case 'email':
      return `${hex(random, 8)}@example.com`;
    case 'uri':
      return `https://example.com/${hex(random, 8)}`;
    case 'ipv4':
      return Array.from({ length: 4 }, () => wholeNumber(random, 1, 254)).join('.');
    default:
      throw new UserMistake(`'${name}' has the format ${format}: list values for it, values: { '${name}': […] }`);
  }
}

function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => wholeNumber(random, 0, 15).toString(16)).join('');
}

/** Makes a UUID of version 4. */
function uuid(random: Random): string {
  const digits = hex(random, 32);
  const variant = (8 + wholeNumber(random, 0, 3)).toString(16);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
}
