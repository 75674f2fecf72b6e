import type { StepStatus } from '../../operation/status/status.ts';
import { durationText } from '../../operation/times.ts';
import { textTable } from '../../text-table.ts';
import { counted } from './counted.ts';
import { positionText, shortShard } from './rewind-report.ts';

const HEADER = ['step', 'shard', 'state', 'position', 'behind', 'waiting', 'last progress', 'dead letters'];

/** Formats a row for each step and shard, and below the table the notes, which do not fit into a cell. */
export function statusReport(title: string, rows: readonly StepStatus[], nowMillis: number): string {
  const cells = rows.map((row) => [
    `${row.pipeline}/${row.step}`,
    shortShard(row.shard ?? '–'),
    row.state,
    positionText(row.position, '–'),
    behindText(row),
    row.lagMillis ? durationText(row.lagMillis) : '–',
    row.lastProgress === undefined ? '–' : `${durationText(nowMillis - Date.parse(row.lastProgress))} ago`,
    row.deadLetters === 0 ? '–' : String(row.deadLetters),
  ]);
  const notes = notesOf(rows);
  const all = [...notes, ...promisesOf(rows)];
  return [title, '', textTable(HEADER, cells), ...(all.length === 0 ? [] : ['', ...all])].join('\n');
}

/** Formats one line for each note of a step, with the shards that have it. */
function notesOf(rows: readonly StepStatus[]): readonly string[] {
  const noted = Map.groupBy(rows, ({ pipeline, step, note }) => `${pipeline}/${step} ${note}`).values();
  return [...noted].flatMap((group) => {
    const [{ pipeline, step, note } = { pipeline: '', step: '', note: undefined }] = group;
    if (note === undefined) return [];
    const shards = group.flatMap(({ shard }) => (shard === undefined ? [] : [shortShard(shard)]));
    return [`${pipeline}/${step}${shards.length === 0 ? '' : ` (shard ${shards.join(', ')})`}: ${note}`];
  });
}

/** Names the steps that may process an event twice; every other step processes it exactly once. */
function promisesOf(rows: readonly StepStatus[]): readonly string[] {
  const names = rows
    .filter(({ promise }) => promise === 'at least once')
    .map(({ pipeline, step }) => `${pipeline}/${step}`);
  return [...new Set(names)].map((name) => `${name}: at least once, because its code is declared not deterministic`);
}

function behindText({ recordsBehind, eventsBehind, andMore }: StepStatus): string {
  if (recordsBehind === undefined) return '–';
  const text = eventsBehind === undefined ? counted(recordsBehind, 'message') : counted(eventsBehind, 'event');
  return andMore ? `over ${text}` : text;
}
