/** Returns the bits to keep for a number of decimals. Numbers here are `value × 2^-bits`, for logarithms of numeric. */
export const bitsFor = (decimals: number): number => Math.ceil(Math.max(decimals, 0) * 3.33) + 64;

const bitLength = (value: bigint): number => value.toString(16).length * 4;

/** Returns `dividend / divisor` with this many bits after the point. */
function ratio(dividend: bigint, divisor: bigint, bits: number): bigint {
  return (dividend << BigInt(bits)) / divisor;
}

/** Returns `value × factor` as an integer; rounds halves away from zero. */
export function scaled(value: bigint, factor: bigint, bits: number): bigint {
  const product = value * factor;
  const half = 1n << BigInt(bits - 1);
  return product < 0n ? -((half - product) >> BigInt(bits)) : (product + half) >> BigInt(bits);
}

/** Returns the natural logarithm of a positive fraction. */
export function logarithm(dividend: bigint, divisor: bigint, bits: number): bigint {
  // Takes out a power of two, so that the rest is near one.
  const twos = bitLength(dividend) - bitLength(divisor);
  let [a, b] = twos >= 0 ? [dividend, divisor << BigInt(twos)] : [dividend << BigInt(-twos), divisor];
  let shifted = twos;
  for (; a * 3n > b * 4n; shifted += 1) b <<= 1n;
  for (; a * 4n < b * 3n; shifted -= 1) a <<= 1n;
  return 2n * areaTangent(a - b, a + b, bits) + BigInt(shifted) * logarithmOfTwo(bits);
}

const logarithmsOfTwo = new Map<number, bigint>();

function logarithmOfTwo(bits: number): bigint {
  const known = logarithmsOfTwo.get(bits);
  if (known !== undefined) return known;
  const value = 2n * areaTangent(1n, 3n, bits);
  if (logarithmsOfTwo.size < 100) logarithmsOfTwo.set(bits, value);
  return value;
}

/** Sums s + s³/3 + s⁵/5 + … */
function areaTangent(dividend: bigint, divisor: bigint, bits: number): bigint {
  const s = ratio(dividend, divisor, bits);
  const square = (s * s) >> BigInt(bits);
  let sum = s;
  let power = s;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = (power * square) >> BigInt(bits);
    sum += power / n;
  }
  return sum;
}
