import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from '../../runtime/json/json-bytes.ts';
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
  for (let { at } = scan; at < block.length; at += 1) {
    const byte = block[at] as number;
    scan.at = at + 1;
    if (byte === QUOTE) {
      scan.isText = true;
      return undefined;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) scan.depth += 1;
    else if (scan.depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || isSpace(byte)))
      return at;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      scan.depth -= 1;
      if (scan.depth === 0) return at + 1;
    }
  }
  return undefined;
}
