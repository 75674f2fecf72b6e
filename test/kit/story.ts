import type { Clock } from '../../infra/emulator/clock.ts';
import type { TraceEntry } from '../../infra/emulator/trace.ts';

/** What a run did, for people: what a failing test shows. */
export interface Story {
  tell(text: string): void;
  /** What an emulator did for a step, if it tells anything. */
  took(step: string, entry: TraceEntry): void;
  /**
   * One line each, with the time since the start; what came again soon is counted, and the middle of a long story left
   * out.
   */
  lines(): readonly string[];
}

export function openStory(clock: Pick<Clock, 'now'>): Story {
  const startMillis = clock.now();
  const told: { readonly atMillis: number; readonly text: string; times: number }[] = [];

  function tell(text: string): void {
    const again = told.slice(-REPEAT_LINES).find((line) => line.text === text);
    if (again !== undefined) again.times++;
    else told.push({ atMillis: clock.now() - startMillis, text, times: 1 });
  }

  return {
    tell,
    took(step, entry) {
      const text = textOf(entry);
      if (text !== undefined) tell(`${step}: ${text}`);
    },
    lines() {
      const lines = told.map(
        ({ atMillis, text, times }) => `${elapsed(atMillis)} ${text}${times > 1 ? ` (${times} times)` : ''}`,
      );
      if (lines.length <= MOST_LINES) return lines;
      const left = lines.length - MOST_LINES;
      return [...lines.slice(0, FIRST_LINES), `… ${left} lines …`, ...lines.slice(FIRST_LINES + left)];
    },
  };
}

/** What was told so few lines ago is counted, and not told again. */
const REPEAT_LINES = 8;
const MOST_LINES = 60;
const FIRST_LINES = 15;

/** Nothing for what goes as it always does: polls, batches, checkpoints. */
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
      return `${entry.records} records of ${shortShard(entry.shardId)} are given up: ${entry.condition}`;
    case 'schedule-run':
      return entry.delivery > 1 ? 'a run comes twice' : 'a run';
    case 'schedule-run-failed':
      return `a run failed: ${entry.why}`;
    case 'queue-batch':
      return `${entry.messages} message${entry.messages === 1 ? '' : 's'}, ${entry.deleted} done${entry.why === undefined ? '' : `: ${entry.why}`}`;
    default:
      return undefined;
  }
}

/** `shardId-000000000002` is `shard 2`. */
export function shortShard(shardId: string): string {
  return `shard ${Number(shardId.slice(shardId.lastIndexOf('-') + 1))}`;
}

function elapsed(millis: number): string {
  const seconds = (millis / 1_000).toFixed(3).padStart(6, '0');
  return millis < 60_000
    ? `    ${seconds}s`
    : `${String(Math.floor(millis / 60_000)).padStart(3)}m${((millis % 60_000) / 1_000).toFixed(3).padStart(6, '0')}s`;
}
