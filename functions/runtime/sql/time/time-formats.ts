import { civilFromDays, dayOfWeek, daysFromCivil, isoDayOfWeek, isoWeek } from './calendar.ts';
import type { Piece } from './time-templates.ts';
import { DAYS, MONTHS, templateOf } from './time-templates.ts';
import { isFiniteTimestamp, splitTimestamp } from './timestamps.ts';

/** Evaluates to_char of a moment. As in Postgres, returns null for an infinity or an empty template. */
export function formatTimestamp(timestamp: bigint, template: string): string | null {
  if (template === '' || !isFiniteTimestamp(timestamp)) return null;
  const { days, micros } = splitTimestamp(timestamp);
  return templateOf(template)
    .map((piece) => (piece.kind === 'literal' ? piece.text : fieldText(piece, days, micros)))
    .join('');
}

type Field = Extract<Piece, { kind: 'field' }>;

function fieldText(piece: Field, days: number, micros: number): string {
  const name = nameField(piece, days, micros);
  if (name !== undefined) return name;
  const [value, width] = numberField(piece.field, days, micros);
  // FM does not remove zeros from the fraction of a second.
  return piece.plain && piece.field !== 'MS' && piece.field !== 'US'
    ? String(value)
    : String(value).padStart(width, '0');
}

/** Writes the name of a month or day in the case of the template; pads it with spaces unless FM is given. */
function nameField({ field, written, plain }: Field, days: number, micros: number): string | undefined {
  const { year, month } = civilFromDays(days);
  const long = (name: string): string => cased(name, written).padEnd(plain ? 0 : 9);
  switch (field) {
    case 'MONTH':
      return long(MONTHS[month - 1] ?? '');
    case 'DAY':
      return long(DAYS[dayOfWeek(days)] ?? '');
    case 'MON':
      return cased((MONTHS[month - 1] ?? '').slice(0, 3), written);
    case 'DY':
      return cased((DAYS[dayOfWeek(days)] ?? '').slice(0, 3), written);
    case 'AM':
    case 'PM':
      return halves(written, micros < 12 * 3.6e9 ? 'AM' : 'PM');
    case 'AD':
    case 'BC':
      return halves(written, year > 0 ? 'AD' : 'BC');
    default:
      return undefined;
  }
}

const isLower = (letter: string): boolean => letter === letter.toLowerCase();
const halves = (written: string, text: string): string => (isLower(written.charAt(0)) ? text.toLowerCase() : text);

function cased(name: string, written: string): string {
  if (isLower(written.charAt(0))) return name.toLowerCase();
  return isLower(written.charAt(1)) ? name : name.toUpperCase();
}

function numberField(field: string, days: number, micros: number): readonly [value: number, width: number] {
  const { year, month, day } = civilFromDays(days);
  const yearOfEra = year > 0 ? year : 1 - year;
  const dayOfYear = days - daysFromCivil(year, 1, 1) + 1;
  const hour = Math.floor(micros / 3.6e9);
  const values: Record<string, readonly [number, number]> = {
    YYYY: [yearOfEra, 4],
    YY: [yearOfEra % 100, 2],
    Y: [yearOfEra % 10, 1],
    IYYY: [Math.abs(isoYear(days)), 4],
    MM: [month, 2],
    DD: [day, 2],
    DDD: [dayOfYear, 3],
    D: [dayOfWeek(days) + 1, 1],
    ID: [isoDayOfWeek(days), 1],
    HH24: [hour, 2],
    HH12: [hour % 12 || 12, 2],
    HH: [hour % 12 || 12, 2],
    MI: [Math.floor(micros / 6e7) % 60, 2],
    SS: [Math.floor(micros / 1e6) % 60, 2],
    MS: [Math.floor(micros / 1000) % 1000, 3],
    US: [micros % 1e6, 6],
    IW: [isoWeek(days).week, 2],
    WW: [Math.floor((dayOfYear - 1) / 7) + 1, 2],
    W: [Math.floor((day - 1) / 7) + 1, 1],
    Q: [Math.floor((month - 1) / 3) + 1, 1],
    J: [days + 2_451_545, 1],
  };
  return values[field] ?? [0, 1];
}

function isoYear(days: number): number {
  const { year } = isoWeek(days);
  return year > 0 ? year : 1 - year;
}
