/** Real numbers as `value × 2^-bits`: logarithms to as many digits as numeric wants. */
export const bitsFor = (decimals: number): number => Math.ceil(Math.max(decimals, 0) * 3.33) + 64;

const bitLength = (value: bigint): number => value.toString(16).length * 4;

/** `dividend / divisor` with so many bits behind the point. */
function ratio(dividend: bigint, divisor: bigint, bits: number): bigint {
  return (dividend << BigInt(bits)) / divisor;
}

/** `value × factor` as an integer, halves away from zero. */
export function scaled(value: bigint, factor: bigint, bits: number): bigint {
  const product = value * factor;
  const half = 1n << BigInt(bits - 1);
  return product < 0n ? -((half - product) >> BigInt(bits)) : (product + half) >> BigInt(bits);
}

/** The natural logarithm of a positive fraction. */
export function logarithm(dividend: bigint, divisor: bigint, bits: number): bigint {
  // A power of two is taken out, so that the rest is near one.
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

/** s + s³/3 + s⁵/5 + … */
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
