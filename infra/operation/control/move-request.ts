import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { outputsOf, type ReaderPlan, type StepPlan } from '../../pipelines/plan.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import { startIn } from '../times.ts';

/** Parses a position in a stream: what `parseStart` takes, or a record's sequence number. Throws a `UserMistake`. */
export function parsePosition(text: string, nowMillis: number): RewindPoint {
  if (/^\d{10,56}$/.test(text)) return { sequenceNumber: text };
  const start = startIn(text, nowMillis);
  if (start === undefined)
    throw new UserMistake(
      `invalid position '${text}'; use earliest, latest, a time (2026-01-31T23:59:00Z), how long ago (-90s, -15m, -2h, -1d), or a whole sequence number (--json prints them)`,
    );
  return start === 'earliest' ? start : { millis: start.getTime() };
}

/** Parses a list of shards: numbers such as `0,3`, or whole ids. Undefined when no list was given. */
export function parseShards(text: string | boolean | undefined): readonly string[] | undefined {
  if (typeof text !== 'string') return undefined;
  return text.split(',').map((shard) => {
    const trimmed = shard.trim();
    return /^\d+$/.test(trimmed) ? `shardId-${trimmed.padStart(SHARD_DIGITS, '0')}` : trimmed;
  });
}

const SHARD_DIGITS = 12;

/** Narrows a step to one that reads a stream. Throws a `UserMistake` for a source. */
export function readerOf(step: StepPlan): ReaderPlan {
  if (step.kind !== 'source') return step;
  throw new UserMistake(
    `'${step.name}' is a source: it reads no stream, so it has no position in one; move the steps that read ${outputsOf(step).map(nameOf).join(' or ')}`,
  );
}

function nameOf(stream: StreamPlan): string {
  return `'${stream.kind === 'own' ? stream.name : stream.arn}'`;
}
