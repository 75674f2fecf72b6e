/** A line that is in one of two texts only. */
export interface ChangedLine {
  readonly sign: '-' | '+';
  readonly line: string;
}

/** Lists the lines that differ between two texts: those of the first, and then those of the second. */
export function changedLines(before: string, after: string): readonly ChangedLine[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let first = 0;
  while (first < old.length && first < now.length && old[first] === now[first]) first += 1;
  let last = 0;
  while (last < old.length - first && last < now.length - first && old.at(-1 - last) === now.at(-1 - last)) last += 1;
  return [
    ...old.slice(first, old.length - last).map((line) => ({ sign: '-' as const, line })),
    ...now.slice(first, now.length - last).map((line) => ({ sign: '+' as const, line })),
  ];
}
