import { SqlError } from '../errors/sql-error.ts';

/** A part of a template of to_char, to_date and to_timestamp, such as `YYYY-MM-DD"T"HH24:MI:SS.MS`. */
export type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'field'; readonly field: string; readonly written: string; readonly plain: boolean };

/** The fields, longest first, because a template is read greedily. */
const FIELDS = [
  ...['MONTH', 'IYYY', 'YYYY', 'HH24', 'HH12', 'MON', 'DAY', 'DDD', 'MM', 'DD', 'DY', 'HH', 'MI', 'SS', 'MS', 'US'],
  ...['YY', 'IW', 'WW', 'ID', 'AM', 'PM', 'AD', 'BC', 'D', 'W', 'Q', 'J', 'Y'],
];
const PIECE = new RegExp(String.raw`^(?:"((?:[^"\\]|\\.)*)"|(FM)?(${FIELDS.join('|')})(?!TH)|([^A-Za-z"\\]))`, 'i');

/** A cache of parsed templates; most templates are literals. */
const known = new Map<string, readonly Piece[]>();
const KEPT = 200;
/** A template may come from an event, so a long one is not kept. */
export const MAX_KEPT_LENGTH = 200;

export function templateOf(template: string): readonly Piece[] {
  const found = known.get(template);
  if (found !== undefined) return found;
  const pieces: Piece[] = [];
  for (let rest = template; rest !== ''; ) {
    const match = PIECE.exec(rest);
    if (match === null)
      throw new SqlError(
        '0A000',
        `"${rest}" is not supported in a format: use ${FIELDS.join(', ')}, FM, and text in double quotes`,
      );
    const [whole, quoted, plain, written, other] = match;
    if (written !== undefined)
      pieces.push({ kind: 'field', field: written.toUpperCase(), written, plain: plain !== undefined });
    else pieces.push({ kind: 'literal', text: other ?? (quoted ?? '').replace(/\\(.)/g, '$1') });
    rest = rest.slice(whole.length);
  }
  if (template.length > MAX_KEPT_LENGTH) return pieces;
  if (known.size >= KEPT) known.clear();
  known.set(template, pieces);
  return pieces;
}

export const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
export const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
