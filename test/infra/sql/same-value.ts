import type { Outcome } from './compiled-expression.ts';
import type { Attempt } from './oracle.ts';

/** Tests for the same value or an error on both sides. Double precision may differ by one unit in the last place. */
export function sameOutcome(ours: Outcome, postgres: Attempt, type: string): boolean {
  if (ours.error !== undefined && ours.value !== undefined) return false;
  if (ours.error !== undefined || postgres.code !== null) return ours.error !== undefined && postgres.code !== null;
  if (ours.value === postgres.value) return true;
  if (type !== 'double precision' || typeof ours.value !== 'string' || postgres.value === null) return false;
  return withinOneUlp(Number(ours.value), Number(postgres.value));
}

const view = new DataView(new ArrayBuffer(8));

function withinOneUlp(a: number, b: number): boolean {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Object.is(a, b);
  const difference = ordinal(a) - ordinal(b);
  return difference >= -1n && difference <= 1n;
}

/** Maps doubles to integers of the same order. */
function ordinal(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  return bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits;
}

export function postgresTypeName(type: string): string {
  return type.replace('timestamp without time zone', 'timestamp').replace('timestamp with time zone', 'timestamptz');
}
