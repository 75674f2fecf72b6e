/** So much a second: bytes, records or calls. */
export interface Allowance {
  /**
   * True when `amount` may be taken now. What is more than a second gives, such as a large record, may be taken when
   * nothing is owed.
   */
  hasRoom(nowMillis: number, amount: number): boolean;
  take(nowMillis: number, amount: number): void;
}

/**
 * Counts in windows of a second, the first of which starts with the first use. What was taken beyond a window is owed
 * by the next ones: ten megabytes read from a shard that gives two a second are paid off five seconds later, as the
 * documentation of GetRecords says.
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
