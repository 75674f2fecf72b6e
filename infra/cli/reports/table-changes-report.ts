import type { TableChange } from '../../operation/table-changes.ts';

/** Says for each table what a deployment does to it, and why. */
export function tableChangesReport(title: string, changes: readonly TableChange[]): string {
  if (changes.length === 0) return `${title}: no pipeline has a table`;
  const width = Math.max(...changes.map((change) => nameOf(change).length));
  const lines = changes.flatMap((change) => [
    `${nameOf(change).padEnd(width)}  ${wordOf(change)}`,
    ...[...change.differences, ...consequences(change)].map((line) => `  ${line}`),
  ]);
  return [title, '', ...lines].join('\n');
}

const nameOf = ({ pipeline, table }: TableChange): string => `${pipeline}/${table}`;

/** A table whose step would stop is refused, whatever the log has. */
function wordOf({ change, stops, log }: TableChange): string {
  if (stops !== undefined) return WORDS.impossible;
  return change === 'rebuild' && log?.isArchived === true ? 'rebuild from the archive' : WORDS[change];
}

const WORDS: Readonly<Record<TableChange['change'], string>> = {
  new: 'new: its step makes it when the first event arrives',
  none: 'unchanged',
  transparent: 'transparent',
  rebuild: 'rebuild from the log',
  impossible: 'refused',
  taken: 'taken',
};

const ROWS: Readonly<Record<NonNullable<TableChange['rows']>, string>> = {
  'at once': 'with the next event of its stream, the step makes all rows again',
  'by event': 'a row changes when its next event comes, and those without one stay',
  'as they are': 'its windows close, and are dropped, by the new times from the next event on',
};

function consequences({ change, pipeline, table, log, rows, stops, isJoin }: TableChange): readonly string[] {
  switch (change) {
    case 'transparent':
      return [`the state goes on: deploy it; ${ROWS[rows ?? 'as they are']}`];
    case 'rebuild':
      if (stops !== undefined && isJoin === true)
        return [
          `the state cannot go on, and is not made again by itself: ${stops}. Deployed under this name, the step stops:`,
          'undo the change, or give the join another name without formerly and streamOf. It then begins anew, with the',
          'events that its input streams still have, and publishes what becomes of them',
        ];
      if (stops !== undefined)
        return [
          `the state cannot go on, and is not made again by itself: ${stops}. Deployed under this name, the step stops`,
          `the log reaches back to ${log?.from}, and has every event of the table: undo the change, or give the step`,
          `another name without formerly; its new table has all events when it starts at ${log?.tableFrom} or earlier`,
        ];
      return [
        ...(log?.isArchived === true
          ? [
              `the state cannot go on; the log reaches back to ${log.from} only, and the archive of its stream, ${log.archive}/`,
              'in the lake, has what came before: deploy it, and',
            ]
          : [
              `the state cannot go on; the log reaches back to ${log?.from}, and has every event of the table: deploy it, and`,
            ]),
        'with the next event of its stream the step makes the table again. Until that is done, the table shows the rows',
        'that it has now, and its events wait',
        ...(isJoin === true ? ['what the join has published stays as it is'] : []),
      ];
    case 'impossible':
      return [
        'the state cannot go on, and cannot be made again: deployed under this name, the step stops',
        `the log reaches back to ${log?.from} only, and the table may have events since ${log?.tableFrom}: undo the`,
        'change, or give the step another name without formerly: its new table has the events that the log still has',
        ...(log?.archive === undefined
          ? []
          : [`the archive of its stream, ${log.archive}/ in the lake, does not have what the log lacks`]),
      ];
    case 'taken':
      return [`"${pipeline}"."${table} state 1" exists and is not the state of this table: rename it, or the step`];
    default:
      return [];
  }
}
