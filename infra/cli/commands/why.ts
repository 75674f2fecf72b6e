import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Tracing } from '../../operation/lineage/trace-back.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { counted } from '../reports/counted.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

/** The events of an object that are followed back; the others of it came the same way. */
const MOST_FOLLOWED = 3;

export const why: Command = {
  summary: 'explains a row or an object of a sink: which events, transforms and code made it',
  usage: '<pipeline> <sink> <key …> [options]',
  help: [
    'The key of a row is the values of the columns that the sink names as key, in their order, or columns',
    'such as order_id=17; of an object, its whole key in the lake. The command finds the event, and follows',
    'it back from transform to transform. Each of them runs again on its input, with the code of this',
    'repository, and the answer is compared with the log; for an object, the sink makes the file again.',
    'Nothing is written.',
    '',
    "A row does not say where its event is, so the command reads the whole of the sink's stream for it: a",
    'stream of 1 GB in one shard takes about ten minutes on AWS, and the reads of a shard are shared with',
    'the steps that read it. An object says it in its name, so only that range is read.',
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
      if (step.kind !== 'sink')
        throw new UserMistake(`'${name}' is a ${step.kind}; name a sink, or follow an event with millrace trace`);
      if (key.length === 0) throw new UserMistake('missing key; see millrace why --help');
      const tracing = { find, target, signal };
      const isJson = values.json === true;
      return step.connector === 's3'
        ? explainObject(step, key.join(' '), { tracing, isJson })
        : explainRow(step, key, { tracing, isJson });
    }),
};

interface How {
  readonly tracing: Tracing;
  readonly isJson: boolean;
}

async function explainRow(step: SinkPlan, words: readonly string[], { tracing, isJson }: How): Promise<number> {
  const { rowKeyOf, whyRow } = await import('../../operation/lineage/why-row.ts');
  const { traceBack } = await import('../../operation/lineage/trace-back.ts');
  const { backReport } = await import('../reports/lineage-report.ts');
  const { linkLine } = await import('../reports/lineage-lines.ts');
  const key = rowKeyOf(step, words);
  const { event, matched, read } = await whyRow(step, key, tracing);
  if (event === undefined)
    throw new UserMistake(
      `none of the ${counted(read, 'event')} that the log holds for '${step.name}' has ${keyText(key)}: the event of the row is trimmed away, or there is no such row`,
    );
  const links = await traceBack(event, tracing);
  if (isJson) for (const link of links) print(linkLine(link));
  else {
    const others = matched === 1 ? '' : `, the last of ${matched} with this key`;
    print(`${keyText(key)} in ${step.pipeline}/${step.name} is as this event says${others}:\n\n${backReport(links)}`);
  }
  return 0;
}

function keyText(key: Readonly<Record<string, string>>): string {
  return Object.entries(key)
    .map(([column, value]) => `${column}=${value}`)
    .join(', ');
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
