import { EventRejected } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Rejection } from '../../../functions/runtime/rejection.ts';
import type { NamedSchema } from '../../pipelines/inline-sql.ts';
import { startOf } from '../arguments/times.ts';
import type { Command, CommandInvocation } from '../command.ts';
import { eventLine, lineStyle } from '../reports/event-line.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const tail: Command = {
  summary: 'shows the events of a stream as they come',
  usage: '<pipeline> <stream> [options]',
  help: [
    'A line an event: time, key, type and data on a terminal, CloudEvents as lines of JSON in a pipe. On a terminal it goes on until Ctrl-C.',
    '',
    '  --from <place>           earliest, latest, 2026-01-31T23:59:00Z, or how long ago: -15m (latest on a terminal, earliest in a pipe)',
    '  --key <key>              events with this key only',
    '  --where <condition>      events of which it is true, in SQL: "sales > 100 AND key LIKE \'CA-%\'"',
    '  --follow, --no-follow    whether it goes on at the end of the stream',
    '  --json                   lines of JSON on a terminal too',
    targetHelp,
  ].join('\n'),
  options: {
    ...targetOptions,
    from: { type: 'string' },
    key: { type: 'string' },
    where: { type: 'string' },
    follow: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 2, async (asked, { target }) => {
      const { values, positionals, signal } = invocation;
      const { readTail } = await import('../../operation/tail.ts');
      const isTerminal = process.stdout.isTTY === true;
      const follow = typeof values.follow === 'boolean' ? values.follow : isTerminal;
      const from = startOf(String(values.from ?? (follow ? 'latest' : 'earliest')), Date.now());
      const style = lineStyle({ json: values.json === true || !isTerminal, isTerminal });
      const tailed = asked.stream(positionals[0], positionals[1]);
      const stream = target.streamName(tailed);
      const isAsked = await askedFor(values, { name: positionals[1] ?? '', schema: tailed.schema });
      const show = (event: ReceivedEvent, shardId: string): void => {
        try {
          if (isAsked(event)) console.log(eventLine(event, style));
        } catch (error) {
          if (!(error instanceof EventRejected)) throw error;
          console.error(`${shardId}: ${error.reason}: ${error.message}`);
        }
      };
      const complain = ({ reason, message }: Rejection, shardId: string): void => {
        console.error(`${shardId}: ${reason}: ${message}`);
      };
      await readTail(
        { kinesis: target.clients.kinesis, stream, from, follow, signal },
        { event: show, rejection: complain },
      ).catch((error) => {
        // Ctrl-C is how it is meant to end.
        if (!signal.aborted) throw error;
      });
      return 0;
    }),
};

/** Whether an event is one of those that --key and --where leave. */
async function askedFor(
  { key, where }: CommandInvocation['values'],
  stream: NamedSchema,
): Promise<(event: ReceivedEvent) => boolean> {
  const hasKey = (event: ReceivedEvent): boolean => key === undefined || event.key === key;
  if (where === undefined) return hasKey;
  const { conditionOn } = await import('../../sql/condition.ts');
  const isSo = await conditionOn({ file: '--where', text: String(where) }, stream);
  return (event) => hasKey(event) && isSo(event);
}
