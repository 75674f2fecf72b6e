import type { Standing } from '../../operation/status/status.ts';
import { textTable } from '../../text-table.ts';
import { lasting, readable } from '../arguments/times.ts';

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
  const notes = notesOf(standings);
  const all = [...notes, ...promisesOf(standings)];
  return [title, '', textTable(HEADER, rows), ...(all.length === 0 ? [] : ['', ...all])].join('\n');
}

/** A line for each note of a step, with the shards that it is of. */
function notesOf(standings: readonly Standing[]): readonly string[] {
  const noted = Map.groupBy(standings, ({ pipeline, step, note }) => `${pipeline}/${step} ${note}`).values();
  return [...noted].flatMap((some) => {
    const [{ pipeline, step, note } = { pipeline: '', step: '', note: undefined }] = some;
    if (note === undefined) return [];
    const shards = some.flatMap(({ shard }) => (shard === undefined ? [] : [shortShard(shard)]));
    return [`${pipeline}/${step}${shards.length === 0 ? '' : ` ${shards.join(', ')}`}: ${note}`];
  });
}

/** Every other step does what it does once. */
function promisesOf(standings: readonly Standing[]): readonly string[] {
  const names = standings
    .filter(({ promise }) => promise === 'at least once')
    .map(({ pipeline, step }) => `${pipeline}/${step}`);
  return [...new Set(names)].map((name) => `${name}: at least once, for its code says that it is not deterministic`);
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

function behindText({ recordsBehind, eventsBehind, andMore }: Standing): string {
  if (recordsBehind === undefined) return '–';
  const [count, what] = eventsBehind === undefined ? [recordsBehind, 'message'] : [eventsBehind, 'event'];
  if (count === 1 && !andMore) return `1 ${what}`;
  return `${andMore ? 'over ' : ''}${count.toLocaleString('en-US')} ${what}s`;
}
