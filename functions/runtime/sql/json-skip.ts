/**
 * Steps over JSON in bytes, checking it on the way. Every function returns where the value ends, or -1 for what is not plain JSON;
 * whoever called then takes the slow way, which knows all of JSON. Hot path: bytes and positions, no objects.
 */
export interface Notes {
  /** A backslash was seen. */
  escape: boolean;
  /** A byte beyond ASCII was seen: whether it is UTF-8 is still to be checked. */
  high: boolean;
}

/** The bytes of an event, or of many: both views are of the whole buffer. */
export interface JsonSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const PLAIN = 0;
const QUOTE = 1;
const BACKSLASH = 2;
const CONTROL = 3;
const HIGH = 4;

/** What a byte is inside of a string. */
const CLASS = new Uint8Array(256);
CLASS.fill(CONTROL, 0, 0x20);
CLASS.fill(HIGH, 0x80, 0x100);
CLASS[0x22] = QUOTE;
CLASS[0x5c] = BACKSLASH;

/** Deeper nesting takes the slow way. */
const MAX_DEPTH = 30;

export function skipSpace(bytes: Uint8Array, from: number): number {
  let p = from;
  for (;;) {
    const byte = bytes[p] as number;
    if (byte > 0x20) return p;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) p += 1;
    else return p;
  }
}

/** `from` is at the opening quote. Four bytes at a time while there is nothing in them but plain ASCII. */
export function skipString(source: JsonSource, from: number, notes: Notes): number {
  const { bytes, view } = source;
  const words = bytes.length - 4;
  let p = from + 1;
  for (;;) {
    while (p <= words && isPlain(view.getInt32(p, true))) p += 4;
    const kind = CLASS[bytes[p] as number];
    if (kind === QUOTE) return p + 1;
    if (kind === PLAIN) p += 1;
    else if (kind === HIGH) {
      notes.high = true;
      p += 1;
    } else if (kind === BACKSLASH) {
      notes.escape = true;
      p = skipEscape(bytes, p);
      if (p < 0) return -1;
    } else return -1;
  }
}

/** Whether none of four bytes is a quote, a backslash, a control character or beyond ASCII. A borrow may call a plain byte special, never the reverse. */
function isPlain(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  return (((quote - 0x01010101) | (backslash - 0x01010101) | (word - 0x20202020) | word) & 0x80808080) === 0;
}

function skipEscape(bytes: Uint8Array, from: number): number {
  const byte = bytes[from + 1];
  if (byte !== 0x75) return byte !== undefined && '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? from + 2 : -1;
  for (let p = from + 2; p < from + 6; p += 1) {
    const digit = bytes[p];
    if (digit === undefined || !/[0-9a-f]/i.test(String.fromCharCode(digit))) return -1;
  }
  return from + 6;
}

/** Beyond the end there is undefined, which is no digit either. */
const isDigit = (byte: number | undefined): boolean => (byte as number) >= 0x30 && (byte as number) <= 0x39;

export function skipNumber(bytes: Uint8Array, from: number): number {
  let p = bytes[from] === 0x2d ? from + 1 : from;
  if (!isDigit(bytes[p])) return -1;
  if (bytes[p] === 0x30) p += 1;
  else while (isDigit(bytes[p])) p += 1;
  if (bytes[p] === 0x2e) {
    p += 1;
    if (!isDigit(bytes[p])) return -1;
    while (isDigit(bytes[p])) p += 1;
  }
  if (bytes[p] === 0x65 || bytes[p] === 0x45) p = skipExponent(bytes, p + 1);
  return p;
}

function skipExponent(bytes: Uint8Array, from: number): number {
  let p = bytes[from] === 0x2b || bytes[from] === 0x2d ? from + 1 : from;
  if (!isDigit(bytes[p])) return -1;
  while (isDigit(bytes[p])) p += 1;
  return p;
}

export function skipValue(source: JsonSource, from: number, notes: Notes): number {
  const byte = source.bytes[from];
  if (byte === 0x22) return skipString(source, from, notes);
  if (byte === 0x7b || byte === 0x5b) return skipContainer(source, from, notes);
  return skipScalar(source.bytes, from);
}

function skipScalar(bytes: Uint8Array, from: number): number {
  switch (bytes[from]) {
    case 0x74:
      return bytes[from + 1] === 0x72 && bytes[from + 2] === 0x75 && bytes[from + 3] === 0x65 ? from + 4 : -1;
    case 0x66:
      return bytes[from + 1] === 0x61 &&
        bytes[from + 2] === 0x6c &&
        bytes[from + 3] === 0x73 &&
        bytes[from + 4] === 0x65
        ? from + 5
        : -1;
    case 0x6e:
      return bytes[from + 1] === 0x75 && bytes[from + 2] === 0x6c && bytes[from + 3] === 0x6c ? from + 4 : -1;
    default:
      return skipNumber(bytes, from);
  }
}

/** Objects and arrays without recursion: `open` has a bit for each level, set for an object. */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one loop over bytes on the hot path; calls and objects would double its time
function skipContainer(source: JsonSource, from: number, notes: Notes): number {
  const { bytes } = source;
  let depth = 0;
  let open = 0;
  let p = from;
  for (;;) {
    const byte = bytes[p];
    if (byte === 0x7b || byte === 0x5b) {
      if (depth === MAX_DEPTH) return -1;
      depth += 1;
      open = (open << 1) | (byte === 0x7b ? 1 : 0);
      p = skipSpace(bytes, p + 1);
      if (bytes[p] !== (byte === 0x7b ? 0x7d : 0x5d)) {
        if (byte === 0x7b) p = skipKey(source, p, notes);
        if (p < 0) return -1;
        continue;
      }
    } else {
      p = byte === 0x22 ? skipString(source, p, notes) : skipScalar(bytes, p);
      if (p < 0) return -1;
      p = skipSpace(bytes, p);
    }
    // After a value: close what ends here, or go on to the next one.
    while (bytes[p] === ((open & 1) === 1 ? 0x7d : 0x5d)) {
      depth -= 1;
      open >>= 1;
      if (depth === 0) return p + 1;
      p = skipSpace(bytes, p + 1);
    }
    if (bytes[p] !== 0x2c) return -1;
    p = skipSpace(bytes, p + 1);
    if ((open & 1) === 1) p = skipKey(source, p, notes);
    if (p < 0) return -1;
  }
}

/** A key and its colon, to the value. */
function skipKey(source: JsonSource, from: number, notes: Notes): number {
  const { bytes } = source;
  if (bytes[from] !== 0x22) return -1;
  const end = skipString(source, from, notes);
  if (end < 0) return -1;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === 0x3a ? skipSpace(bytes, colon + 1) : -1;
}
