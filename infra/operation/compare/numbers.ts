const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const SHORT_WHOLE = /^(?:-?[1-9]\d{0,17}|0)$/;

/** Longer numbers are written with an exponent. */
const MOST_ZEROS = 40;

/**
 * Writes a number in the one way in which numbers are compared: `1.0`, `1` and `10e-1` are `1`. Undefined: it is none.
 */
export function numberText(text: string): string | undefined {
  if (SHORT_WHOLE.test(text)) return text;
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (sign === undefined || whole.length + fraction.length === 0) return undefined;
  const all = `${whole}${fraction}`;
  const significant = all.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return '0';
  // So many digits are before the point.
  const before = whole.length + Number(exponent) - (all.length - significant.length);
  return `${sign === '-' ? '-' : ''}${placed(digits, before)}`;
}

function placed(digits: string, before: number): string {
  if (before > MOST_ZEROS || before < -MOST_ZEROS)
    return `${digits.slice(0, 1)}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${before - 1}`;
  if (before <= 0) return `0.${'0'.repeat(-before)}${digits}`;
  if (before >= digits.length) return digits.padEnd(before, '0');
  return `${digits.slice(0, before)}.${digits.slice(before)}`;
}

/** Writes a number as a double holds it. */
export function doubleText(text: string): string | undefined {
  const exact = numberText(text);
  if (exact === undefined) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? numberText(String(number)) : exact;
}
