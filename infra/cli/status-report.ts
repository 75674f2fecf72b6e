import { textTable } from '../local/table.ts';
import type { Standing } from '../operation/standing.ts';
import { lasting, readable } from './times.ts';

const HEADER = ['step', 'shard', 'state', 'position', 'behind', 'waiting', 'last progress', 'dead letters'];

/** A row for each step and shard; what needs more words than a cell has comes below. */
export function statusReport(title: string, standings: readonly Standing[], nowMillis: number): string {
  const rows = standings.map((standing) => [
    `${standing.pipeline}/${standing.step}`,
    shortShard(standing.shard),
    standing.state,
    positionText(standing.position),
    behindText(standing),
    standing.lagMillis ? lasting(standing.lagMillis) : '–',
    standing.lastProgress === undefined ? '–' : `${lasting(nowMillis - Date.parse(standing.lastProgress))} ago`,
    standing.deadLetters === 0 ? '–' : String(standing.deadLetters),
  ]);
  const notes = standings.flatMap(({ pipeline, step, shard, note }) =>
    note === undefined ? [] : [`${pipeline}/${step}${shard === undefined ? '' : ` ${shortShard(shard)}`}: ${note}`],
  );
  return [title, '', textTable(HEADER, rows), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

/** `shardId-000000000003` is 3. */
function shortShard(shard = '–'): string {
  return shard.replace(/^shardId-0*(?=\d)/, '');
}

/** The numbers of a shard differ at their ends. */
const SHOWN_DIGITS = 8;

function positionText(position: Standing['position']): string {
  if (position === undefined) return '–';
  const { sequenceNumber, time } = position;
  return `${time === undefined ? '' : `${readable(time)} `}…${sequenceNumber.slice(-SHOWN_DIGITS)}`;
}

function behindText({ recordsBehind, andMore, delivery }: Standing): string {
  if (recordsBehind === undefined) return '–';
  const what = delivery === 'queue' ? 'message' : 'record';
  if (recordsBehind === 1 && !andMore) return `1 ${what}`;
  return `${andMore ? 'over ' : ''}${recordsBehind.toLocaleString('en-US')} ${what}s`;
}
