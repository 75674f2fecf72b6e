import { describe, expect, test } from 'vitest';
import { prettyJson } from '../../../infra/console/pages/pretty-json.ts';
import { visibleParts } from '../../../infra/console/pages/visible-text.ts';
import { bytesText, timeText } from '../../../infra/console/pages/words.ts';
import { cutText, shownBytes } from '../../../infra/console/shown-bytes.ts';

describe('text of producers', () => {
  test('shows characters that cannot be seen or that turn the text around', () => {
    expect(visibleParts('a\u202eb\u0000\u001b[31m\u2028')).toEqual([
      { text: 'a', isHidden: false },
      { text: '\\u202e', isHidden: true },
      { text: 'b', isHidden: false },
      { text: '\\u0000', isHidden: true },
      { text: '\\u001b', isHidden: true },
      { text: '[31m', isHidden: false },
      { text: '\\u2028', isHidden: true },
    ]);
    expect(visibleParts('Grüße 日本\n\t👍')).toEqual([{ text: 'Grüße 日本\n\t👍', isHidden: false }]);
    expect(visibleParts('')).toEqual([]);
  });

  test('cuts a large value between two characters and says how large it is', () => {
    const large = Buffer.from('ü'.repeat(5_000_000));
    const shown = shownBytes(large, 101);
    expect(shown).toEqual({ text: 'ü'.repeat(50), isText: true, size: 10_000_000, isCut: true });
    expect(shownBytes(Buffer.from('ab'), 2)).toEqual({ text: 'ab', isText: true, size: 2, isCut: false });
    expect(cutText('👍👍', 2)).toBe('\ufffd…');
  });

  test('shows bytes that are no text in base64', () => {
    expect(shownBytes(Buffer.from([0xff, 0xfe]))).toEqual({ text: '//4=', isText: false, size: 2, isCut: false });
  });
});

describe('indented JSON', () => {
  test('keeps every digit and every string as it came', () => {
    const text = '{"a":12345678901234567890.10,"b":["x, {y}: \\"z\\"",{},[ ]],"c":null}';
    expect(prettyJson(text)).toBe(
      '{\n  "a": 12345678901234567890.10,\n  "b": [\n    "x, {y}: \\"z\\"",\n    {},\n    []\n  ],\n  "c": null\n}',
    );
  });
});

test('times are shown in UTC or in the zone of the machine', () => {
  expect(timeText('2026-01-31T23:59:00.123Z', 'utc')).toBe('2026-01-31 23:59:00Z');
  const { getHours } = Date.prototype;
  const hours = String(getHours.call(new Date('2026-01-31T12:00:00Z'))).padStart(2, '0');
  expect(timeText('2026-01-31T12:00:00Z', 'local')).toContain(` ${hours}:`);
  expect(timeText('no time', 'utc')).toBe('no time');
});

test('sizes are shown in the largest unit that fits', () => {
  expect([1, 999, 1_500, 10_000_000].map(bytesText)).toEqual(['1 byte', '999 bytes', '1.5 kB', '10.0 MB']);
});
