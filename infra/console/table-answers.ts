import { UserMistake } from '../../functions/runtime/errors.ts';
import { askTables } from '../operation/ask-tables.ts';
import { statusOf } from '../operation/status/statuses.ts';
import { tableStatuses } from '../operation/status/table-status.ts';
import type { StepPlan, TablePlan } from '../pipelines/plan.ts';
import type { QueryAnswer, TableAnswer, TablesAnswer } from './answers.ts';
import type { Asked } from './asked.ts';
import { cutText } from './shown-bytes.ts';
import type { ConsoleSource } from './source.ts';
import { streamOf } from './stream-of.ts';

/** A page shows no more rows, and no more of a value. */
const MOST_ROWS = 200;
const MOST_VALUE = 1_000;
const MOST_MILLIS = 30_000;

/** Answers which tables there are, with their size and how far they are behind. */
export async function tablesAnswer({ find, target }: ConsoleSource, signal: AbortSignal): Promise<TablesAnswer> {
  const tables: TableAnswer[] = [];
  for (const plan of find.plans()) {
    for (const step of plan.steps.filter(isTable)) tables.push(await tableOf(step, { find, target }, signal));
  }
  return { tables };
}

/** Answers one table. */
export function tableAnswer(source: ConsoleSource, { named, signal }: Asked): Promise<TableAnswer> {
  const step = source.find.step(named.pipeline, named.table);
  if (!isTable(step)) throw new UserMistake(`'${step.name}' is a ${step.kind}, not a table`);
  return tableOf(step, source, signal);
}

function isTable(step: StepPlan): step is TablePlan {
  return step.kind === 'table';
}

async function tableOf(
  step: TablePlan,
  { find, target }: Pick<ConsoleSource, 'find' | 'target'>,
  signal: AbortSignal,
): Promise<TableAnswer> {
  const { pipeline, name } = step;
  const rows = await statusOf(step, target, signal);
  const [status] = await tableStatuses([{ name: pipeline, steps: [step] }], { target, steps: rows }, signal);
  const { key = [] } = find.tables(pipeline)[name]?.keep ?? {};
  return {
    pipeline,
    name,
    key,
    from: streamOf(step.input.stream),
    ...('output' in step ? { changes: streamOf(step.output) } : {}),
    ...(step.windows === undefined ? {} : { windows: step.windows.emit }),
    deadLetters: rows.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    ...(status?.rows === undefined ? {} : { rows: status.rows }),
    ...(status?.bytes === undefined ? {} : { bytes: status.bytes }),
    ...(status?.lagMillis === undefined ? {} : { lagMillis: status.lagMillis }),
    ...(status?.watermark === undefined ? {} : { watermark: status.watermark }),
    ...(status?.openWindows === undefined ? {} : { openWindows: status.openWindows }),
    ...(status?.note === undefined ? {} : { note: status.note }),
  };
}

/** Asks the stage's database, as `millrace query` does: a role that only reads, in a transaction that only reads. */
export async function queryAnswer(
  { find, target, hidesData }: ConsoleSource,
  { query, signal }: Asked,
): Promise<QueryAnswer> {
  if (hidesData) throw new UserMistake('with --hide-data nobody can ask tables: a statement may give a field any name');
  const { name: schema } = find.plan(query.get('pipeline') ?? '');
  const statement = query.get('statement') ?? '';
  const answer = await askTables(target, { schema, statement, mostRows: MOST_ROWS, mostMillis: MOST_MILLIS }, signal);
  return {
    columns: answer.columns.map(({ name }) => name),
    rows: answer.rows.map((row) => row.map((value) => (value === null ? null : cutText(value, MOST_VALUE)))),
    ...(answer.cut === undefined ? {} : { cut: answer.cut }),
  };
}
