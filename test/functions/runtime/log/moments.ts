import fc from 'fast-check';
import type { Fault, Moment } from './faulty-log.ts';

/** Faults that every property of the log writer meets. */
export const throttled = fc.constant<Fault>({ kind: 'throttled' });
export const requestLost = fc.constant<Fault>({ kind: 'request lost' });
export const replyLost = fc.constant<Fault>({ kind: 'reply lost' });
export const noFault = fc.constant<Fault>({ kind: 'none' });

/** Makes calls that meet a fault, some of them directly after a reshard that later calls do not see yet. */
export function momentWith(fault: fc.Arbitrary<Fault>): fc.Arbitrary<Moment> {
  return fc.record(
    {
      fault,
      reshard: fc.record({ kind: fc.constantFrom('split' as const, 'merge' as const), which: fc.nat(7) }),
      staleLists: fc.nat(2),
    },
    { requiredKeys: ['fault'] },
  );
}

/** Names the keys of events. */
export const KEYS = Array.from({ length: 12 }, (_, n) => `key-${n}`);

/** Makes what is appended, in order: events by the number of their key, and something else. */
export function itemsWith<Other extends string>(other: Other, most: number): fc.Arbitrary<(number | Other)[]> {
  const item = fc.oneof({ weight: 3, arbitrary: fc.nat(KEYS.length - 1) }, fc.constant(other));
  return fc.array(item, { minLength: 1, maxLength: most });
}
