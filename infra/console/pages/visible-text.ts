/** A part of a text: as it is, or a character that would not be seen or would change how others look. */
export interface TextPart {
  readonly text: string;
  readonly isHidden: boolean;
}

/** As `terminal.ts` says it of a terminal: control characters, bidi controls and separators of lines. */
const HIDDEN = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u200b\u2060\ufeff]/gu;

/**
 * Splits a text where it has characters that nobody sees, and writes those as `\u202e`: producers must not control how
 * a page looks, and an operator should see why two texts are not equal.
 */
export function visibleParts(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const found of text.matchAll(HIDDEN)) {
    if (found.index > end) parts.push({ text: text.slice(end, found.index), isHidden: false });
    const code = found[0].charCodeAt(0).toString(16).padStart(4, '0');
    parts.push({ text: `\\u${code}`, isHidden: true });
    end = found.index + found[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isHidden: false });
  return parts;
}
