import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { TracedEvent } from '../../operation/lineage/traced-event.ts';
import type { Tracing } from '../../operation/lineage/tracing.ts';
import { parseStart } from '../../operation/times.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const trace: Command = {
  summary: 'follows an event back to where it came in, and on to every sink',
  usage: '<event id> [options]',
  help: [
    'Finds the event, follows it back from transform to transform, and on through every step that reads it.',
    'Each step runs again on its input, with the code of this repository; nothing is appended. An id is',
    'searched in every stream, from the oldest event on, which takes time: --stream and --from narrow the',
    'search. An event is found once in each stream; ids of events of other producers may not be unique. For',
    'what a table or a join has made, the whole of its input is read.',
    '',
    '  --stream <name>          search this stream only: <pipeline>/<stream>',
    '  --from <position>        begin at a time (2026-01-31T23:59:00Z), or so long ago (-15m)',
    '                           (default: earliest)',
    '  --json                   print lines of JSON, for the way back only',
    targetHelp,
  ].join('\n'),
  examples: ['millrace trace 5c1e0f3a-9d1f-4c55-9c0e-6f2d8f6f1f10 --stream sensors/raw --from -1h'],
  options: {
    ...targetOptions,
    stream: { type: 'string' },
    from: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 1, async (find, { target }) => {
      const { values, positionals, signal } = invocation;
      const [id] = positionals;
      if (id === undefined) throw new UserMistake('missing id of an event; millrace tail --json prints ids');
      const streams =
        typeof values.stream === 'string'
          ? [find.stream(...(values.stream.split('/') as [string, string]))]
          : find.plans().flatMap((plan) => plan.streams);
      const from = parseStart(String(values.from ?? 'earliest'), Date.now());
      const tracing = { find, target, signal, throughTables: true };
      const found = await findIn(streams, { id, from }, tracing);
      if (found.length === 0)
        throw new UserMistake(
          `no stream holds an event with the id '${id}': the id is another (millrace tail --json prints ids), the event is trimmed away, or it is before --from`,
        );
      for (const event of found) await printWay(event, tracing, values.json === true);
      return 0;
    }),
};

async function findIn(
  streams: readonly StreamPlan[],
  { id, from }: { readonly id: string; readonly from: 'earliest' | Date },
  { target, signal }: Tracing,
): Promise<readonly TracedEvent[]> {
  const { findEvents } = await import('../../operation/lineage/find-events.ts');
  const found: TracedEvent[] = [];
  for (const stream of streams) {
    const search = { stream, from, matches: (event: ReceivedEvent) => event.id === id, signal };
    const { event } = await findEvents({ target }, { ...search, want: 'first' });
    if (event !== undefined) found.push(event);
  }
  return found;
}

async function printWay(event: TracedEvent, tracing: Tracing, isJson: boolean): Promise<void> {
  const { traceBack } = await import('../../operation/lineage/trace-back.ts');
  const { traceForward } = await import('../../operation/lineage/trace-forward.ts');
  const { backReport, forwardReport } = await import('../reports/lineage-report.ts');
  const { linkLine } = await import('../reports/lineage-lines.ts');
  const links = await traceBack(event, tracing);
  if (isJson) {
    for (const link of links) print(linkLine(link));
    return;
  }
  const onward = forwardReport(await traceForward(event, tracing));
  print(`${backReport(links)}\n\n${onward === '' ? 'no step reads its stream' : onward}`);
}
