/** The longest wait for anything. It only ends a suite that hangs: no machine is so slow. */
export const LONGEST_MILLIS = 60 * 60_000;
