import { QUOTE } from '../../json/json-bytes.ts';
import { HAS_ESCAPE } from '../scan/scan-memory.ts';
import type { Row } from './row.ts';
import { isPresent, textAt } from './row-values.ts';

/**
 * Texts that were read, each in the slot of its hash: a column of few values, such as a key of GROUP BY, need not be
 * decoded again and again.
 */
export interface RepeatedTexts {
  readonly texts: (string | undefined)[];
  /** The bytes of each text. */
  readonly views: DataView[];
}

const SLOTS = 1 << 13;
const LONGEST = 48;
const NONE = new DataView(new ArrayBuffer(0));

export const repeatedTexts = (): RepeatedTexts => ({
  texts: new Array<string | undefined>(SLOTS).fill(undefined),
  views: new Array<DataView>(SLOTS).fill(NONE),
});

/** Reads a text column as `textAt` does. */
export function repeatedTextAt(row: Row, column: number, known: RepeatedTexts): string | null {
  if (!isPresent(row, column)) return null;
  const { view } = row;
  const from = (row.starts[column] as number) + 1;
  const to = (row.ends[column] as number) - 1;
  if (to - from > LONGEST || view.getUint8(from - 1) !== QUOTE || row.seen[column] === HAS_ESCAPE)
    return textAt(row, column);
  const slot = slotOf(view, from, to);
  const text = known.texts[slot];
  const same = known.views[slot] as DataView;
  if (text !== undefined && same.byteLength === to - from && isSame(same, view, from)) return text;
  const read = textAt(row, column) as string;
  known.texts[slot] = read;
  known.views[slot] = new DataView(Uint8Array.from(row.bytes.subarray(from, to)).buffer);
  return read;
}

const PRIME = 0x9e3779b1;

/** Mixes the text, four bytes at a time: the last four may overlap those before them. */
function slotOf(view: DataView, from: number, to: number): number {
  let hash = to - from;
  if (hash < 4) for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ view.getUint8(i), PRIME);
  else {
    for (let i = from; i < to - 4; i += 4) hash = Math.imul(hash ^ view.getInt32(i), PRIME);
    hash = Math.imul(hash ^ view.getInt32(to - 4), PRIME);
  }
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}

function isSame(known: DataView, view: DataView, from: number): boolean {
  const length = known.byteLength;
  if (length < 4) {
    for (let i = 0; i < length; i += 1) if (known.getUint8(i) !== view.getUint8(from + i)) return false;
    return true;
  }
  for (let i = 0; i < length - 4; i += 4) if (known.getInt32(i) !== view.getInt32(from + i)) return false;
  return known.getInt32(length - 4) === view.getInt32(from + length - 4);
}
