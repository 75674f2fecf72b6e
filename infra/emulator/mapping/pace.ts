/** How fast a mapping polls and retries. What is not given is Lambda's. */
export interface Pace {
  /** The base rate: from one poll of a shard that has nothing more to the next. */
  readonly pollMillis: number;
  /** A shard takes 5 GetRecords calls a second, from all its readers together. */
  readonly leastPollMillis: number;
  /** The first wait before something that failed is tried again. It doubles up to the longest. */
  readonly backOffMillis: number;
  readonly longestBackOffMillis: number;
}

/** Lambda documents the base rate of polling and Kinesis its limit; that of its back-off Lambda does not tell. */
export const lambdaPace: Pace = {
  pollMillis: 1_000,
  leastPollMillis: 200,
  backOffMillis: 1_000,
  longestBackOffMillis: 60_000,
};

/** The wait before the `attempt`th try again, from 1: doubling, and between half of that and all of it. */
export function backOff(pace: Pace, attempt: number, random: () => number): number {
  const whole = Math.min(pace.longestBackOffMillis, pace.backOffMillis * 2 ** Math.min(attempt - 1, 30));
  return Math.ceil(whole * (0.5 + random() / 2));
}
