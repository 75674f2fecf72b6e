import type { HashRange } from '../event.ts';

/**
 * Writes the attribute `aim` of an event that stands in every shard: the range of hash keys that this copy is for, as
 * two numbers in base 16. A writer that does not know of a reshard yet aims at the range of a shard that is closed.
 */
export function writtenAim({ from, to }: HashRange): string {
  return `${from.toString(16)}-${to.toString(16)}`;
}

/** Reads the attribute. Undefined: it is none of ours. */
export function readAim(text: string): HashRange | undefined {
  const [, from, to] = /^([0-9a-f]{1,32})-([0-9a-f]{1,32})$/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) };
}
