import type { LakeEvent } from './lake.ts';

/** A comparison of what the input files require with what was found. */
export interface Check {
  readonly what: string;
  readonly expected: number | string;
  readonly found: number | string;
}

/** Counts the events that have the source and sequence of another. */
export function repeats(events: readonly Pick<LakeEvent, 'source' | 'sequence'>[]): number {
  return events.length - new Set(events.map(({ source, sequence }) => `${source} ${sequence}`)).size;
}

/** Checks that the entries are the expected ones, each as often as expected, in any order. */
export function sameEntries(what: string, expected: readonly string[], found: readonly string[]): Check[] {
  const left = new Map<string, number>();
  for (const entry of expected) left.set(entry, (left.get(entry) ?? 0) + 1);
  let wrong = 0;
  for (const entry of found) {
    const count = left.get(entry) ?? 0;
    if (count === 0) wrong++;
    else left.set(entry, count - 1);
  }
  const missing = [...left.values()].reduce((sum, count) => sum + count, 0);
  return [
    { what, expected: expected.length, found: found.length },
    { what: `${what}: missing`, expected: 0, found: missing },
    { what: `${what}: duplicated or changed`, expected: 0, found: wrong },
  ];
}

/** As `sameEntries`, in one row when all agree. */
export function sameRows(what: string, expected: readonly string[], found: readonly string[]): Check[] {
  const [count, ...others] = sameEntries(what, expected, found);
  return [count as Check, ...others.filter((check) => check.expected !== check.found)];
}
