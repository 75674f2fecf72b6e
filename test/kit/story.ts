import type { Clock } from '../../infra/emulator/clock.ts';
import type { TraceEntry } from '../../infra/emulator/trace.ts';

/** A readable log of a run, which a failing test shows. */
export interface Story {
  tell(text: string): void;
  /** Adds what an emulator did for a step, if it is of interest. */
  traced(step: string, entry: TraceEntry): void;
  /**
   * Returns the lines, each with the time since the start. Repeated lines are counted, and the middle of a long story
   * is left out.
   */
  lines(): readonly string[];
}

export function openStory(clock: Pick<Clock, 'now'>): Story {
  const startMillis = clock.now();
  const entries: { readonly atMillis: number; readonly text: string; times: number }[] = [];

  function tell(text: string): void {
    const again = entries.slice(-REPEAT_LINES).find((line) => line.text === text);
    if (again !== undefined) again.times++;
    else entries.push({ atMillis: clock.now() - startMillis, text, times: 1 });
  }

  return {
    tell,
    traced(step, entry) {
      const text = textOf(entry);
      if (text !== undefined) tell(`${step}: ${text}`);
    },
    lines() {
      const lines = entries.map(
        ({ atMillis, text, times }) => `${elapsed(atMillis)} ${text}${times > 1 ? ` (${times} times)` : ''}`,
      );
      if (lines.length <= MOST_LINES) return lines;
      const left = lines.length - MOST_LINES;
      return [...lines.slice(0, FIRST_LINES), `… ${left} lines …`, ...lines.slice(FIRST_LINES + left)];
    },
  };
}

/** A line that repeats one of this many lines before it is counted instead of added. */
const REPEAT_LINES = 8;
const MOST_LINES = 60;
const FIRST_LINES = 15;

/** Describes an entry. Returns undefined for routine ones: polls, batches, checkpoints. */
function textOf(entry: TraceEntry): string | undefined {
  switch (entry.did) {
    case 'invocation': {
      const range = `${entry.records} record${entry.records === 1 ? '' : 's'} of ${shortShard(entry.shardId)}`;
      return `${range}${entry.attempt > 1 ? ' again' : ''}: ${entry.outcome.replaceAll('-', ' ')}${entry.why === undefined ? '' : `, ${entry.why}`}`;
    }
    case 'shard':
      return entry.became === 'reading' ? undefined : `${shortShard(entry.shardId)} is ${entry.became}`;
    case 'split':
      return `${entry.records} records of ${shortShard(entry.shardId)} are ${entry.because === 'bisected' ? 'halved' : 'cut'}`;
    case 'discard':
      return `${entry.records} records of ${shortShard(entry.shardId)} are discarded: ${entry.condition}`;
    case 'schedule-run':
      return entry.delivery > 1 ? 'a run is delivered again' : 'a run';
    case 'schedule-run-failed':
      return `a run failed: ${entry.why}`;
    case 'queue-batch':
      return `${entry.messages} message${entry.messages === 1 ? '' : 's'}, ${entry.deleted} done${entry.why === undefined ? '' : `: ${entry.why}`}`;
    default:
      return undefined;
  }
}

/** Shortens a shard's id: `shardId-000000000002` becomes `shard 2`. */
export function shortShard(shardId: string): string {
  return `shard ${Number(shardId.slice(shardId.lastIndexOf('-') + 1))}`;
}

function elapsed(millis: number): string {
  const seconds = (millis / 1_000).toFixed(3).padStart(6, '0');
  return millis < 60_000
    ? `    ${seconds}s`
    : `${String(Math.floor(millis / 60_000)).padStart(3)}m${((millis % 60_000) / 1_000).toFixed(3).padStart(6, '0')}s`;
}
