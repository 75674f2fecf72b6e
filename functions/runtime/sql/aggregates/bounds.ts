import { SqlError } from '../errors/sql-error.ts';

/** The most that an aggregate keeps of the values of one group: values, and about as many bytes as they take. */
export const MOST_VALUES = 10_000;
export const MOST_SIZE = 1 << 20;

const HUGE = 1n << 64n;

/** Returns about how many bytes a value takes. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value === 'bigint') return value > HUGE || value < -HUGE ? value.toString(16).length : 8;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce<number>((size, item) => size + sizeOf(item), 8);
  if (value instanceof Map) return [...value].reduce((size, [key, item]) => size + sizeOf(key) + sizeOf(item), 8);
  return typeof value === 'object' && value !== null && 'digits' in value ? 8 + sizeOf(value.digits) : 8;
}

/** Throws if a group has more values than an aggregate keeps. */
export function checkBounds(count: number, size: number): void {
  if (count > MOST_VALUES)
    throw new SqlError('54000', `the group has more than ${MOST_VALUES.toLocaleString('en')} values to keep`);
  if (size > MOST_SIZE)
    throw new SqlError('54000', `the values of the group take more than ${MOST_SIZE >> 20} MiB to keep`);
}
