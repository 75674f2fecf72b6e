import type { OperatorAnswer } from '../../../functions/runtime/operator-request.ts';
import type { Move, RecordPosition } from '../../operation/control/preview-move.ts';
import type { FunctionFailed } from '../../operation/function-failed.ts';
import { textTable } from '../../text-table.ts';
import { lasting, readable } from '../arguments/times.ts';

/** A row for each shard: from where to where, and what lies between. */
export function movesReport(moves: readonly Move[]): string {
  const rows = moves.map((move) => [
    shortShard(move.shard),
    positionText(move.from, 'nothing read'),
    positionText(move.to, 'the end'),
    whatText(move),
  ]);
  return textTable(['shard', 'from', 'to', 'which'], rows);
}

/** `shop/cleaning replays 20 events and skips over 5,000 events. Move it?` */
export function moveQuestion(name: string, moves: readonly Move[]): string {
  const parts = (['replays', 'skips'] as const).flatMap((does) => {
    const some = moves.filter((each) => each.does === does);
    if (some.length === 0) return [];
    const more = some.some(({ andMore }) => andMore) ? 'over ' : '';
    const events = some.reduce((total, each) => total + each.events, 0);
    return [`${does} ${more}${counted(events, 'event')}`];
  });
  return `${name} ${parts.join(' and ') || 'goes there, which changes nothing'}. Move it?`;
}

/** `replays 20 events (in 3 records)`. */
function whatText({ does, records, events, andMore }: Move): string {
  if (does === 'nothing') return 'changes nothing';
  const more = andMore ? 'over ' : '';
  return `${does} ${more}${counted(events, 'event')} (in ${more}${counted(records, 'record')})`;
}

/** The numbers of a shard differ at their ends. */
const SHOWN_DIGITS = 8;

export function positionText(position: RecordPosition | undefined, none: string): string {
  if (position === undefined) return none;
  const { time, sequenceNumber } = position;
  return `${time === undefined ? '' : `${readable(time)} `}…${sequenceNumber.slice(-SHOWN_DIGITS)}`;
}

/** `shardId-000000000003` is 3. */
export function shortShard(shard: string): string {
  return shard.replace(/^shardId-0*(?=\d)/, '');
}

export function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}

/** Tells how far a step's function has got, when that has changed, and counts its events. */
export function openProgress(name: string, say: (line: string) => void) {
  let last = '';
  let events = 0;
  return {
    events: () => events,
    onProgress(answer: OperatorAnswer | FunctionFailed): void {
      const line = answer instanceof Error ? `${answer.message}: once more` : lineOf(answer);
      if (line !== last) say(`${name}: ${line}`);
      last = line;
    },
  };

  function lineOf(answer: OperatorAnswer): string {
    events += answer.events;
    const left = answer.shards.filter(({ phase }) => phase !== undefined);
    const shards = left.slice(0, SHOWN_SHARDS).map(({ shard, phase }) => {
      const atMillis = answer.reached[shard];
      const at = atMillis === undefined ? '' : `, ${lasting(Math.max(0, Date.now() - atMillis))} behind`;
      return `shard ${shortShard(shard)} ${PHASES[phase ?? 'reading']}${at}`;
    });
    const more = left.length > SHOWN_SHARDS ? [`${left.length - SHOWN_SHARDS} shards more`] : [];
    return [counted(events, 'event'), ...shards, ...more].join('; ');
  }
}

const SHOWN_SHARDS = 4;
const PHASES = {
  settling: 'finishes what is in flight',
  passing: 'passes over what comes before',
  reading: 'reads',
} as const;
