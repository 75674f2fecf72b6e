import type { TraceEntry } from '../emulator/trace.ts';

/** What mappings have done so far, told now and then where it has changed. */
export interface Progress extends Disposable {
  count(name: string, entry: TraceEntry): void;
  /** Tells what has changed since the last time. */
  tell(): void;
}

const TELL_EVERY_MILLIS = 2_000;

interface Counts {
  read: number;
  invocations: number;
  failed: number;
  discarded: number;
}

export function openProgress(say: (line: string) => void): Progress {
  const totals = new Map<string, Counts>();
  const told = new Map<string, string>();

  function tell(): void {
    for (const [name, counts] of totals) {
      const line = lineOf(name, counts);
      if (counts.read > 0 && told.get(name) !== line) say(line);
      told.set(name, line);
    }
  }

  const timer = setInterval(tell, TELL_EVERY_MILLIS);
  return {
    count(name, entry) {
      const counts = totals.get(name) ?? { read: 0, invocations: 0, failed: 0, discarded: 0 };
      totals.set(name, counts);
      if (entry.did === 'poll') counts.read += entry.records;
      if (entry.did === 'discard') counts.discarded += entry.records;
      if (entry.did === 'invocation') counts.invocations++;
      if (entry.did === 'invocation' && entry.outcome !== 'succeeded') counts.failed++;
    },
    tell,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function lineOf(name: string, { read, invocations, failed, discarded }: Counts): string {
  const rest = [failed > 0 ? `, ${failed} failed` : '', discarded > 0 ? `, ${discarded} records discarded` : ''];
  return `${name}: ${read} records, ${invocations} invocations${rest.join('')}`;
}
