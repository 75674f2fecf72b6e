import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Tracing } from '../../operation/lineage/tracing.ts';
import type { SinkPlan, TablePlan } from '../../pipelines/plan.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { counted } from '../reports/counted.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

/** The events of an object that are followed back; the others of it came the same way. */
const MOST_FOLLOWED = 3;

export const why: Command = {
  summary: 'explains a row or an object: which events, transforms and code made it',
  usage: '<pipeline> <sink or table> <key …> [options]',
  help: [
    'The key of a row is the values of the columns that the sink or the table names as key, in their order,',
    'or columns such as order_id=17; of an object, its whole key in the lake. The command finds the events,',
    'and follows them back from step to step. Each step runs again on its input, with the code of this',
    'repository, and the answer is compared with the log; for an object, the sink makes the file again, and',
    'for a row of a table, the row is made again of all of its events. Nothing is written.',
    '',
    'A row of a table that a sink has created says which event it is of, in its column millrace_event, and so',
    'does one of any other table of a sink with such a column. Otherwise the command reads the whole stream of',
    'the sink for it, as it does for a table: a stream of 1 GB in one shard takes about ten minutes on AWS,',
    'and the reads of a shard are shared with the steps that read it. An object says it in its name.',
    '',
    '  --json                   print lines of JSON',
    targetHelp,
  ].join('\n'),
  examples: [
    'millrace why sensors readings roof-1 2026-01-01',
    'millrace why orders completed_orders order_id=17 --stage prod',
  ],
  options: { ...targetOptions, json: { type: 'boolean' } },
  run: (invocation) =>
    withTarget(invocation, Number.POSITIVE_INFINITY, async (find, { target }) => {
      const { positionals, signal, values } = invocation;
      const [pipeline, name, ...key] = positionals;
      const step = find.step(pipeline, name);
      if (step.kind !== 'sink' && step.kind !== 'table')
        throw new UserMistake(
          `'${name}' is a ${step.kind}; name a sink or a table, or follow an event with millrace trace`,
        );
      if (key.length === 0) throw new UserMistake('missing key; see millrace why --help');
      const how = { tracing: { find, target, signal, throughTables: true }, isJson: values.json === true };
      if (step.kind === 'table') return explainTableRow(step, key, how);
      return step.connector === 's3' ? explainObject(step, key.join(' '), how) : explainRow(step, key, how);
    }),
};

interface How {
  readonly tracing: Tracing;
  readonly isJson: boolean;
}

async function explainRow(step: SinkPlan, words: readonly string[], { tracing, isJson }: How): Promise<number> {
  const { whyRow } = await import('../../operation/lineage/why-row.ts');
  const { traceBack } = await import('../../operation/lineage/trace-back.ts');
  const { backReport } = await import('../reports/lineage-report.ts');
  const { linkLine } = await import('../reports/lineage-lines.ts');
  const { missingRow, rowReport } = await import('../reports/row-report.ts');
  const reason = await whyRow(step, words, tracing);
  const missing = missingRow(step, reason);
  if (missing !== undefined) throw new UserMistake(missing);
  const event = reason.how === 'trimmed' ? reason.input : reason.how === 'no-row' ? undefined : reason.event;
  const links = event === undefined ? [] : await traceBack(event, tracing);
  if (isJson) for (const link of links) print(linkLine(link));
  else print([rowReport(step, reason), ...(links.length === 0 ? [] : [backReport(links)])].join('\n\n'));
  return 0;
}

async function explainTableRow(step: TablePlan, words: readonly string[], { tracing, isJson }: How): Promise<number> {
  const { whyTableRow } = await import('../../operation/lineage/why-table-row.ts');
  const { traceBack } = await import('../../operation/lineage/trace-back.ts');
  const { backReport } = await import('../reports/lineage-report.ts');
  const { linkLine } = await import('../reports/lineage-lines.ts');
  const { tableRowReport } = await import('../reports/row-report.ts');
  const reason = await whyTableRow(step, words, tracing);
  const { madeOf, key, verdict } = reason;
  const chains = [];
  for (const event of madeOf.events.toReversed()) chains.push(await traceBack(event, tracing));
  if (isJson) {
    print(JSON.stringify({ row: key, events: madeOf.count, verdict }));
    for (const link of chains.flat()) print(linkLine(link));
    return 0;
  }
  print([tableRowReport(step, reason), ...chains.map(backReport)].join('\n\n'));
  return 0;
}

async function explainObject(step: SinkPlan, key: string, { tracing, isJson }: How): Promise<number> {
  const { whyObject } = await import('../../operation/lineage/why-object.ts');
  const { traceBack } = await import('../../operation/lineage/trace-back.ts');
  const { backReport, verdictText } = await import('../reports/lineage-report.ts');
  const { linkLine } = await import('../reports/lineage-lines.ts');
  const { events, verdict } = await whyObject(step, key, tracing);
  const followed = events.slice(0, MOST_FOLLOWED);
  const chains = [];
  for (const event of followed) chains.push(await traceBack(event, tracing));
  if (isJson) {
    print(JSON.stringify({ object: key, events: events.length, verdict }));
    for (const link of chains.flat()) print(linkLine(link));
    return 0;
  }
  const first = events.length > followed.length ? ` The first ${followed.length}:` : '';
  print(
    [
      `${key} has ${counted(events.length, 'event')} (${step.pipeline}/${step.name}: ${verdictText(verdict)}).${first}`,
      ...chains.map(backReport),
    ].join('\n\n'),
  );
  return 0;
}
