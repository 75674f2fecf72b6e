/** How fast a mapping polls and retries. */
export interface Pace {
  /** The time between two polls of a shard that has nothing more. */
  readonly pollMillis: number;
  /** The time between two polls of a shard that has more. Kinesis allows 5 GetRecords calls a second and shard. */
  readonly leastPollMillis: number;
  /** The first wait before a retry. It doubles up to `longestBackOffMillis`. */
  readonly backOffMillis: number;
  readonly longestBackOffMillis: number;
}

/**
 * Lambda documents a base rate of one poll a second, and Kinesis its limit. The back-off is our guess: Lambda documents
 * none.
 */
export const lambdaPace: Pace = {
  pollMillis: 1_000,
  leastPollMillis: 200,
  backOffMillis: 1_000,
  longestBackOffMillis: 60_000,
};

/** Computes the wait before a retry, counted from 1. It doubles each time; chance takes away up to half of it. */
export function backOff(pace: Pace, attempt: number, random: () => number): number {
  const longest = Math.min(pace.longestBackOffMillis, pace.backOffMillis * 2 ** Math.min(attempt - 1, 30));
  return Math.ceil(longest * (0.5 + random() / 2));
}
