/** So much a second: bytes, records or calls. */
export interface Allowance {
  /** True when `amount` may be taken now. More than a whole second's worth may be taken when nothing else was, as with large records. */
  hasRoom(nowMillis: number, amount: number): boolean;
  take(nowMillis: number, amount: number): void;
}

/**
 * Counts in windows of a second, the first of which starts with the first use. What was taken beyond a window is owed by the next ones:
 * ten megabytes read from a shard that gives two a second are paid off five seconds later, as the documentation of GetRecords says.
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
      return used === 0 || used + amount <= perSecond;
    },
    take(nowMillis, amount) {
      openWindow(nowMillis);
      used += amount;
    },
  };
}
