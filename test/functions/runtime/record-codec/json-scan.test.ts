import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  failureText,
  MAX_DEPTH,
  skipValue,
  skipWhitespace,
} from '../../../../functions/runtime/record-codec/json-scan.ts';
import { damaged, valueText } from './hostile-json.ts';

/** Returns true when the scanner accepts the bytes as one value and nothing after it. */
function accepts(bytes: Buffer): boolean {
  const end = skipValue(bytes, skipWhitespace(bytes, 0), 0);
  return end >= 0 && skipWhitespace(bytes, end) === bytes.length;
}

function isJson(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

const json = valueText.map((text) => Buffer.from(text));

describe('the JSON scanner', () => {
  test('accepts all JSON', () => {
    fc.assert(
      fc.property(json, (bytes) => {
        expect(accepts(bytes)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test('accepts UTF-8 that JSON.parse accepts, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(damaged(json), fc.uint8Array().map(Buffer.from)), (bytes) => {
        expect(accepts(bytes)).toBe(isJson(bytes));
      }),
      { numRuns: 10_000 },
    );
  });

  test('accepts exactly the valid UTF-8, at the edges of every length', () => {
    const edges = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
    ];
    const bytes = fc.constantFrom(...edges, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), (content) => {
        const text = Buffer.from([0x22, ...content, 0x22]);
        expect(accepts(text)).toBe(isJson(text));
      }),
      { numRuns: 20_000 },
    );
  });

  test('ends at the end of the value, whatever follows', () => {
    const following = fc.constantFrom('', ' ', ',', '}', ']', ':1', '"');
    fc.assert(
      fc.property(valueText, following, (text, behind) => {
        expect(skipValue(Buffer.from(text + behind), 0, 0)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  test(`reads ${MAX_DEPTH} levels and no more`, () => {
    const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
    expect(accepts(nested(MAX_DEPTH))).toBe(true);
    const result = skipValue(nested(100_000), 0, 0);
    expect(failureText(result, 200_000)).toBe('JSON nested deeper than 1000 levels at byte 1000');
  });
});
