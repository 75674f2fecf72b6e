import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from '../../runtime/json/json-bytes.ts';
import { skipValue } from '../../runtime/record-codec/json-scan.ts';
import { isSpace } from './json-array.ts';

/** How far an element of an array has been scanned. */
export interface ElementScan {
  /** The next byte of the block. */
  at: number;
  /** The number of objects and lists that are open. */
  depth: number;
  isText: boolean;
  isEscaped: boolean;
}

export function beginElement(): ElementScan {
  return { at: 0, depth: 0, isText: false, isEscaped: false };
}

/**
 * Returns where an element of right JSON ends that begins at `from` and that ends in the block. Undefined: it does not
 * end there, or something is wrong with it.
 */
export function endOfElement(block: Buffer, from: number): number | undefined {
  const end = skipValue(block, from, 0);
  if (end < 0) return undefined;
  const next = block[end];
  return next === COMMA || next === CLOSE_BRACKET || isSpace(next) ? end : undefined;
}

/**
 * Returns where an element ends that begins a block; undefined if the block ends before it does: then call again with
 * more bytes behind the same ones. Finds the end by quotes and brackets, and checks nothing else.
 */
export function scanElement(scan: ElementScan, block: Buffer): number | undefined {
  while (scan.at < block.length) {
    const end = scan.isText ? scanText(scan, block) : scanPlain(scan, block);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Scans to the end of a text. */
function scanText(scan: ElementScan, block: Buffer): number | undefined {
  let { at } = scan;
  for (; at < block.length; at += 1) {
    const byte = block[at];
    if (scan.isEscaped) scan.isEscaped = false;
    else if (byte === BACKSLASH) scan.isEscaped = true;
    else if (byte === QUOTE) {
      scan.isText = false;
      at += 1;
      break;
    }
  }
  scan.at = at;
  return scan.isText || scan.depth > 0 ? undefined : at;
}

/** Scans to the start of a text, or to the end of the element. */
function scanPlain(scan: ElementScan, block: Buffer): number | undefined {
  let { at, depth } = scan;
  let end: number | undefined;
  for (; at < block.length && end === undefined && !scan.isText; at += 1) {
    const byte = block[at] as number;
    if (byte === QUOTE) scan.isText = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || isSpace(byte)))
      end = at;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) end = at + 1;
    }
  }
  scan.at = at;
  scan.depth = depth;
  return end;
}
