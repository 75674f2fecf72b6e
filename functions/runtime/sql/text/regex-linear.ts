/** What a pattern without alternatives and quantified groups consists of. */
export type Piece =
  | { readonly kind: 'anchor'; readonly end: boolean }
  | { readonly kind: 'characters'; readonly source: string; readonly min: number; readonly max: number };
type Characters = Extract<Piece, { kind: 'characters' }>;

/** The most characters that an attempt may read in vain, at every position of the text. */
const MAX_ATTEMPT = 64;
const MAX_PIECES = 50;

/**
 * Proves that V8, which backtracks, searches in linear time. False says nothing: RE2 then takes the pattern.
 *
 * One attempt is linear when no character that a repetition gives back can begin what follows: each retry then fails at
 * once. An attempt at `^` is the only one. Without `^`, V8 attempts at each position, so an attempt that fails must end
 * within a constant number of characters: only the last piece may be unbounded, and nothing may fail after it.
 */
export function isProvenLinear(pieces: readonly Piece[]): boolean {
  if (pieces.length > MAX_PIECES) return false;
  const anchored = pieces[0]?.kind === 'anchor' && !pieces[0].end;
  const last = pieces.at(-1);
  const closed = last?.kind === 'anchor' && last.end;
  const inner = pieces.slice(anchored ? 1 : 0, closed && pieces.length > 1 ? -1 : undefined);
  const characters = inner.filter((piece) => piece.kind === 'characters');
  if (characters.length < inner.length) return false;
  return (anchored || hasShortAttempts(characters, closed)) && characters.every(isDecided);
}

function hasShortAttempts(pieces: readonly Characters[], closed: boolean): boolean {
  let most = 0;
  for (const [i, { min, max }] of pieces.entries()) most += i === pieces.length - 1 && !closed ? min : max;
  return most <= MAX_ATTEMPT;
}

/** Tells whether the next character decides if a repetition goes on. */
function isDecided({ source, min, max }: Characters, at: number, pieces: readonly Characters[]): boolean {
  if (min === max) return true;
  for (const next of pieces.slice(at + 1)) {
    if (next.max > 0 && mayShare(source, next.source)) return false;
    if (next.min > 0) return true;
  }
  return true;
}

/** Tells whether two classes may share a character. Classes that go beyond ASCII count as sharing one. */
function mayShare(a: string, b: string): boolean {
  if (goesBeyondAscii(a) && goesBeyondAscii(b)) return true;
  const both = new RegExp(`^(?=${a})${b}$`, 'u');
  for (let code = 0; code < 128; code += 1) if (both.test(String.fromCharCode(code))) return true;
  return false;
}

const goesBeyondAscii = (source: string): boolean =>
  source.startsWith('[^') || source.includes('\\S') || Array.from(source).some((character) => character > '\x7f');
