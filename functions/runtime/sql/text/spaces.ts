/** Tells whether a UTF-16 unit is white space that Postgres's input functions skip: that of C's isspace. */
export const isSpace = (unit: number): boolean => unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);

/** Removes white space from both ends, in linear time: a regular expression such as `\s+$` tries each blank anew. */
export function trimSpace(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charCodeAt(start))) start += 1;
  return trimSpaceEnd(text.slice(start));
}

export function trimSpaceEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
