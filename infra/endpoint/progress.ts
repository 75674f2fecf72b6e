import type { TraceEntry } from '../emulator/trace.ts';

/** Counts what mappings have done, and prints the counts every two seconds where they have changed. */
export interface Progress extends Disposable {
  count(name: string, entry: TraceEntry): void;
  /** Prints the counts that have changed since they were last printed. */
  print(): void;
}

const PRINT_EVERY_MILLIS = 2_000;

interface Counts {
  read: number;
  invocations: number;
  failed: number;
  discarded: number;
}

export function openProgress(say: (line: string) => void): Progress {
  const totals = new Map<string, Counts>();
  const printed = new Map<string, string>();

  function print(): void {
    for (const [name, counts] of totals) {
      const line = lineOf(name, counts);
      if (counts.read > 0 && printed.get(name) !== line) say(line);
      printed.set(name, line);
    }
  }

  const timer = setInterval(print, PRINT_EVERY_MILLIS);
  return {
    count(name, entry) {
      const counts = totals.get(name) ?? { read: 0, invocations: 0, failed: 0, discarded: 0 };
      totals.set(name, counts);
      if (entry.did === 'poll') counts.read += entry.records;
      if (entry.did === 'discard') counts.discarded += entry.records;
      if (entry.did === 'invocation') counts.invocations++;
      if (entry.did === 'invocation' && entry.outcome !== 'succeeded') counts.failed++;
    },
    print,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function lineOf(name: string, { read, invocations, failed, discarded }: Counts): string {
  const rest = [failed > 0 ? `, ${failed} failed` : '', discarded > 0 ? `, ${discarded} records discarded` : ''];
  return `${name}: ${read} records, ${invocations} invocations${rest.join('')}`;
}
