/** A quota for each second: of bytes, records or calls. */
export interface Allowance {
  /**
   * True when `amount` may be taken now. An amount above one second's quota, such as a large record, may be taken when
   * no debt is left from earlier seconds.
   */
  hasRoom(nowMillis: number, amount: number): boolean;
  take(nowMillis: number, amount: number): void;
}

/**
 * Counts in windows of one second. The first window starts with the first use. An amount taken beyond a window's quota
 * is charged to the next windows: after 10 MiB read from a shard that gives 2 MiB a second, the next five seconds are
 * used up, as the API reference of GetRecords says. Kinesis describes large records the same way: a shard bursts up to
 * 10 MiB and averages out at 1 MiB a second ("Handle large records" in its developer guide).
 */
export function allowance(perSecond: number): Allowance {
  let windowStartMillis = Number.NEGATIVE_INFINITY;
  let used = 0;

  function openWindow(nowMillis: number): void {
    const windows = Math.floor((nowMillis - windowStartMillis) / 1_000);
    if (windows === 0) return;
    used = windows > 0 ? Math.max(0, used - windows * perSecond) : 0;
    windowStartMillis = used === 0 ? nowMillis : windowStartMillis + windows * 1_000;
  }

  return {
    hasRoom(nowMillis, amount) {
      openWindow(nowMillis);
      return used + amount <= perSecond || (amount > perSecond && used <= perSecond);
    },
    take(nowMillis, amount) {
      openWindow(nowMillis);
      used += amount;
    },
  };
}
