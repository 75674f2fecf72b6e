import type { Random } from './random.ts';

/**
 * Returns a function that draws a rank from 0 on: rank r comes with a frequency of 1 / (r + 1) ^ skew (Zipf). With skew
 * 0 all are equally frequent; with 1 and a thousand ranks, the first is drawn 13 times out of a hundred.
 */
export function drawRank(count: number, skew: number): (random: Random) => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -skew;
    sums[rank] = sum;
  }
  return (random) => {
    const drawn = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
