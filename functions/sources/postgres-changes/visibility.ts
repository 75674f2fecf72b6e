/**
 * What a statement saw: all transactions below `xmin`, and those below `xmax` that are not among `running`
 * (`pg_current_snapshot()`).
 */
export interface Snapshot {
  readonly xmax: bigint;
  readonly xmin: bigint;
  readonly running: ReadonlySet<bigint>;
}

/** Reads `xmin:xmax:running,running,…`. */
export function parseSnapshot(text: string): Snapshot {
  const [xmin = '', xmax = '', running = ''] = text.split(':');
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running.split(',').flatMap((xid) => (xid === '' ? [] : [BigInt(xid)]))),
  };
}

/**
 * Tells whether a statement saw what a committed transaction has changed. A transaction becomes visible only after its
 * commit is in the log, so a reader of the log may know of it before statements see it. The log names a transaction by
 * the low 32 bits of its number.
 */
export function sees({ xmin, xmax, running }: Snapshot, xid: number): boolean {
  const whole = nearest(xid, xmax);
  return whole < xmin || (whole < xmax && !running.has(whole));
}

/** The number with these low 32 bits that is nearest to another one. */
function nearest(low: number, to: bigint): bigint {
  return to + BigInt.asIntN(32, BigInt(low) - to);
}
