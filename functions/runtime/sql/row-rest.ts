import type { Row } from './row.ts';

/** Whether a name stands in the part of an event that is not read yet. Looks at few bytes: Boyer and Moore's search, as Horspool made it. */
export interface NameSearch {
  /** `"name"`. */
  readonly quoted: Buffer;
  /** How far to go on after each byte. */
  readonly steps: Uint8Array;
}

export function nameSearch(name: string): NameSearch {
  const quoted = Buffer.from(JSON.stringify(name), 'utf8');
  const steps = new Uint8Array(256).fill(Math.min(quoted.length, 255));
  for (let i = 0; i < quoted.length - 1; i += 1) steps[quoted[i] as number] = Math.min(quoted.length - 1 - i, 255);
  return { quoted, steps };
}

export function standsInRest({ bytes, next, to }: Row, { quoted, steps }: NameSearch): boolean {
  const last = quoted.length - 1;
  for (let p = next + last; p < to; p += steps[bytes[p] as number] as number) {
    let i = last;
    while (i >= 0 && bytes[p - last + i] === quoted[i]) i -= 1;
    if (i < 0) return true;
  }
  return false;
}
