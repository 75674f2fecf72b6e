import { SqlError } from '../errors/sql-error.ts';
import { boundedCache } from '../text/bounded-cache.ts';

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

/** Parsed templates; most templates are literals. */
const known = boundedCache<readonly Piece[]>(200, 20_000);

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
  known.keep(template, pieces, template.length);
  return pieces;
}

export const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
export const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
