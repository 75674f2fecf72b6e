/** The white space that Postgres's input functions skip: that of C's isspace. */
const LEADING = /^[ \t\n\v\f\r]+/;
const TRAILING = /[ \t\n\v\f\r]+$/;

export function trimSpace(text: string): string {
  return text.replace(LEADING, '').replace(TRAILING, '');
}
