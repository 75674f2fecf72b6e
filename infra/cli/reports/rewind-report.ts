import type { OperatorAnswer } from '../../../functions/runtime/operator-request.ts';
import type { RecordPosition, ShardMove } from '../../operation/control/preview-move.ts';
import type { FunctionFailed } from '../../operation/function-failed.ts';
import { durationText, shortTime } from '../../operation/times.ts';
import { textTable } from '../../text-table.ts';
import { counted } from './counted.ts';

/** Formats a row for each shard: its position now, its new position, and what the move replays or skips. */
export function moveReport(preview: readonly ShardMove[]): string {
  const rows = preview.map((move) => [
    shortShard(move.shard),
    positionText(move.from, 'nothing read'),
    positionText(move.to, 'the end'),
    effectText(move),
  ]);
  return textTable(['shard', 'from', 'to', 'effect'], rows);
}

/** Sums a preview up in a question: `shop/cleaning replays 20 events and skips over 5,000 events. Move it?` */
export function moveQuestion(name: string, preview: readonly ShardMove[]): string {
  const parts = (['replays', 'skips'] as const).flatMap((does) => {
    const moves = preview.filter((move) => move.does === does);
    if (moves.length === 0) return [];
    const more = moves.some(({ andMore }) => andMore) ? 'over ' : '';
    const events = moves.reduce((total, move) => total + move.events, 0);
    return [`${does} ${more}${counted(events, 'event')}`];
  });
  return `${name} ${parts.join(' and ') || 'replays and skips nothing'}. Move it?`;
}

/** Formats the effect of a move: `replays 20 events (in 3 records)`. */
function effectText({ does, records, events, andMore }: ShardMove): string {
  if (does === 'nothing') return 'none';
  const more = andMore ? 'over ' : '';
  return `${does} ${more}${counted(events, 'event')} (in ${more}${counted(records, 'record')})`;
}

/** Sequence numbers of one shard have a common prefix and differ in their last digits. */
const SHOWN_DIGITS = 8;

/** Formats a position as its record's arrival time and the last digits of its sequence number. */
export function positionText(position: RecordPosition | undefined, none: string): string {
  if (position === undefined) return none;
  const { time, sequenceNumber } = position;
  return `${time === undefined ? '' : `${shortTime(time)} `}…${sequenceNumber.slice(-SHOWN_DIGITS)}`;
}

/** Shortens a shard's id to its number: `shardId-000000000003` becomes 3. */
export function shortShard(shard: string): string {
  return shard.replace(/^shardId-0*(?=\d)/, '');
}

/** Formats the answers of a step's function as lines of progress, prints each line that is new, and sums the events. */
export function openProgress(name: string, print: (line: string) => void) {
  let last = '';
  let events = 0;
  return {
    events: () => events,
    onProgress(answer: OperatorAnswer | FunctionFailed): void {
      const line = answer instanceof Error ? `${answer.message}; retrying` : lineOf(answer);
      if (line !== last) print(`${name}: ${line}`);
      last = line;
    },
  };

  function lineOf(answer: OperatorAnswer): string {
    events += answer.events;
    const unfinished = answer.shards.filter(({ phase }) => phase !== undefined);
    const shards = unfinished.slice(0, SHOWN_SHARDS).map(({ shard, phase }) => {
      const atMillis = answer.reached[shard];
      const lag = atMillis === undefined ? '' : `, ${durationText(Math.max(0, Date.now() - atMillis))} behind`;
      return `shard ${shortShard(shard)} ${PHASES[phase ?? 'reading']}${lag}`;
    });
    const more = unfinished.length > SHOWN_SHARDS ? [`${unfinished.length - SHOWN_SHARDS} more shards`] : [];
    return [counted(events, 'event'), ...shards, ...more].join('; ');
  }
}

const SHOWN_SHARDS = 4;
const PHASES = {
  settling: 'finishes its batch in flight',
  passing: 'scans the records before its new position',
  reading: 'processes records',
} as const;
