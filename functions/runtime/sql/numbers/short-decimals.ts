import { addDecimals } from './decimal-arithmetic.ts';
import type { Decimal } from './decimals.ts';
import { compareDecimals, decimalText, finite, pointedText } from './decimals.ts';

/**
 * A value of numeric with few digits: `units × 10^-scale`, exactly, as long as the units are a safe integer. Sums of a
 * million events are several times as fast with it as with `Decimal`.
 */
export interface ShortDecimal {
  readonly units: number;
  readonly scale: number;
}

export type AnyDecimal = Decimal | ShortDecimal;

const isShort = (value: AnyDecimal): value is ShortDecimal => (value as ShortDecimal).units !== undefined;

export const decimalOf = (value: AnyDecimal): Decimal =>
  isShort(value) ? finite(BigInt(value.units), value.scale) : value;

/** Prints a number as `decimalText` does. */
export const anyDecimalText = (value: AnyDecimal): string =>
  isShort(value) ? pointedText(value.units, value.scale) : decimalText(value);

/** Orders two numbers as `compareDecimals` does. */
export function compareAny(a: AnyDecimal, b: AnyDecimal): number {
  if (isShort(a) && isShort(b)) {
    const scale = a.scale > b.scale ? a.scale : b.scale;
    const [x, y] = [unitsAt(a, scale), unitsAt(b, scale)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  }
  return compareDecimals(decimalOf(a), decimalOf(b));
}

/** Returns a decimal as a short one if it is short enough. */
export function shortened(value: Decimal): AnyDecimal {
  const { digits, scale, special } = value;
  const units = Number(digits);
  return special === undefined && scale < POWERS.length && Number.isSafeInteger(units) ? { units, scale } : value;
}

/** Powers of ten that a double holds exactly. */
export const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);

/** Adds exactly, as `addDecimals` does. */
export function addAny(a: AnyDecimal, b: AnyDecimal): AnyDecimal {
  if (isShort(a) && isShort(b)) {
    const scale = a.scale > b.scale ? a.scale : b.scale;
    const units = unitsAt(a, scale) + unitsAt(b, scale);
    // Both operands of an inexact sum would be beyond the safe integers too.
    if (units < SAFE && units > -SAFE) return { units, scale };
  }
  return addDecimals(decimalOf(a), decimalOf(b));
}

/** Half of the safe integers: a sum of two numbers that is smaller was not rounded. */
const SAFE = 2 ** 52;

function unitsAt({ units, scale }: ShortDecimal, wanted: number): number {
  if (scale === wanted) return units;
  const power = POWERS[wanted - scale];
  const scaled = power === undefined ? Number.NaN : units * power;
  return scaled < SAFE && scaled > -SAFE ? scaled : Number.NaN;
}
