/** Postgres's input functions skip the white space of C's isspace, and no other. */
const LEADING = /^[ \t\n\v\f\r]+/;
const TRAILING = /[ \t\n\v\f\r]+$/;

export function trimSpace(text: string): string {
  return text.replace(LEADING, '').replace(TRAILING, '');
}
