import type { RowKey } from '../../operation/lineage/row-key.ts';
import type { RowReason } from '../../operation/lineage/why-row.ts';
import type { TableRowReason } from '../../operation/lineage/why-table-row.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { counted } from './counted.ts';
import { verdictText } from './lineage-report.ts';

/** Says why nothing is known of a row. Undefined: something is. */
export function missingRow({ name }: StepPlan, reason: RowReason): string | undefined {
  if (reason.how === 'no-row') return `'${name}' has no row with ${keyText(reason.key)}`;
  if (reason.how !== 'searched' || reason.event !== undefined) return undefined;
  return `none of the ${counted(reason.read, 'event')} that the log holds for '${name}' has ${keyText(reason.key)}: the event of the row is trimmed away, or there is no such row (${reason.because})`;
}

/** Says which event a row of a sink is of, and how that is known; the event itself follows. */
export function rowReport({ pipeline, name }: StepPlan, reason: RowReason): string {
  const row = `${keyText(reason.key)} in ${pipeline}/${name}`;
  switch (reason.how) {
    case 'no-row':
      return `there is no ${row}`;
    case 'noted': {
      const others = reason.rows === 1 ? '' : ` (the first of ${reason.rows} such rows)`;
      return `${row} is as this event says${others}:`;
    }
    case 'searched': {
      const others = reason.matched === 1 ? '' : `, the last of ${reason.matched} with this key`;
      return `${row} is as this event says${others}. The log was searched by the key, because ${reason.because}:`;
    }
    case 'trimmed': {
      const { origin, noted, input } = reason;
      const gone = `${row} is of an event that the log has trimmed.`;
      if (origin.kind === 'elsewhere') return `${gone} Its source is ${noted.source ?? 'not noted'}.`;
      const maker = `${origin.step.pipeline}/${origin.step.name}`;
      if (origin.kind !== 'transform') return `${gone} ${maker} made it.`;
      const made = `${gone} ${maker} made it (code and options ${origin.from.generation})`;
      return input === undefined ? `${made}, of an event that the log has trimmed too.` : `${made} of this event:`;
    }
  }
}

/** Says how many events a row of a table is made of; the last of them follow. */
export function tableRowReport({ pipeline, name }: StepPlan, reason: TableRowReason): string {
  const { key, isDeleted, verdict, madeOf } = reason;
  const row = `${keyText(key)} in ${pipeline}/${name}`;
  if (madeOf.count === 0) return `no event that the log holds has changed ${row} (${rowVerdict(reason)})`;
  const { events, count } = madeOf;
  const which =
    events.length < count ? ` The last ${events.length}, the newest first:` : count === 1 ? '' : ' The newest first:';
  const made = isDeleted
    ? `was deleted by the last of ${counted(count, 'event')}`
    : `is made of ${counted(count, 'event')}`;
  return `${row} ${made} (${verdict.is === 'same' ? 'made again of them, it is the same' : rowVerdict(reason)}).${which}`;
}

function rowVerdict({ verdict }: TableRowReason): string {
  return verdict.is === 'same'
    ? 'the table shows no such row'
    : verdictText(verdict).replace(/^(?:not )?run again: /, '');
}

function keyText(key: RowKey): string {
  return Object.entries(key)
    .map(([column, value]) => `${column}=${value}`)
    .join(', ');
}
