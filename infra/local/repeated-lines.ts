/** After this long, a line that keeps coming is printed again, with how often it came. */
const AGAIN_AFTER_MILLIS = 60_000;

/** The lines that are remembered. Older ones are forgotten first. */
const MOST_LINES = 200;

/**
 * Prints each line, but one that keeps coming only once a minute, with a count. Lines that differ in their numbers,
 * times and ids alone are the same: a service that is down makes such a line for every retry.
 */
export function printOnce(print: (line: string) => void, now: () => number = Date.now): (line: string) => void {
  const printed = new Map<string, { atMillis: number; since: number }>();
  return (line) => {
    const what = line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '#');
    const last = printed.get(what);
    if (last !== undefined && now() - last.atMillis < AGAIN_AFTER_MILLIS) {
      last.since++;
      return;
    }
    printed.delete(what);
    printed.set(what, { atMillis: now(), since: 0 });
    if (printed.size > MOST_LINES) printed.delete(printed.keys().next().value as string);
    print(last === undefined || last.since === 0 ? line : `${line} (${last.since + 1} times in the last minute)`);
  };
}
