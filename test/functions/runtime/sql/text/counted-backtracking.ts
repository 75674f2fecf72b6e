import type { Piece } from '../../../../../functions/runtime/sql/text/regex-linear.ts';

/** Searches as an engine does that backtracks, and counts its steps: it tries each position, long repetitions first. */
export function backtrackingSteps(pieces: readonly Piece[], text: string): number {
  const tests = pieces.map((piece) => (piece.kind === 'anchor' ? undefined : new RegExp(`^${piece.source}$`, 'u')));
  const anchored = pieces[0]?.kind === 'anchor' && !pieces[0].end;
  let steps = 0;
  const repetitions = (at: number, from: number): number => {
    const piece = pieces[at] as Extract<Piece, { kind: 'characters' }>;
    let count = 0;
    while (count < piece.max && from + count < text.length && tests[at]!.test(text[from + count]!)) count += 1;
    steps += count + 1;
    return count;
  };
  const matchFrom = (at: number, from: number): number => {
    steps += 1;
    const piece = pieces[at];
    if (piece === undefined) return from;
    if (piece.kind === 'anchor') return from === (piece.end ? text.length : 0) ? matchFrom(at + 1, from) : -1;
    for (let count = repetitions(at, from); count >= piece.min; count -= 1) {
      const end = matchFrom(at + 1, from + count);
      if (end !== -1) return end;
    }
    return -1;
  };
  // All matches, one after the other.
  for (let from = 0; from <= text.length; ) {
    const end = matchFrom(0, from);
    if (anchored) break;
    from = Math.max(end, from + 1);
  }
  return steps;
}
