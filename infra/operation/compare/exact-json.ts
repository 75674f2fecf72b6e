/** A number of JSON with all of its digits. */
export interface Digits {
  readonly [DIGITS]: string;
}

const DIGITS = Symbol('digits');

export function digits(text: string): Digits {
  return { [DIGITS]: text };
}

/** Returns the digits of a number that was kept as a text. Undefined: it is another value. */
export function digitsOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? (value as Partial<Digits>)[DIGITS] : undefined;
}

/** A number of JavaScript holds fewer digits than this exactly. */
const LONG_NUMBER = /[\d.]{16}/;

/** Parses JSON. Where a number could lose digits, every number is kept as its digits. */
export function parseExactly(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  const keep = (...[, value, { source }]: [string, unknown, { readonly source?: string }]): unknown =>
    typeof value === 'number' ? digits(source ?? String(value)) : value;
  return JSON.parse(text, keep as Parameters<typeof JSON.parse>[1]);
}
