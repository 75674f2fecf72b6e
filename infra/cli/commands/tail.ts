import { EventRejected } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Rejection } from '../../../functions/runtime/rejection.ts';
import { parseStart } from '../../operation/times.ts';
import { print, printColoured, printError } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { eventLine, lineStyle } from '../reports/event-line.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const tail: Command = {
  summary: 'prints the events of a stream as they arrive',
  usage: '<pipeline> <stream> [options]',
  help: [
    'On a terminal it prints the time, key, type and data of each event and follows the stream until',
    'Ctrl-C. In a pipe it prints CloudEvents as lines of JSON and ends at the end of the stream.',
    '',
    '  --from <position>        earliest, latest, a time (2026-01-31T23:59:00Z), or how long ago (-15m)',
    '                           (default: latest when following, else earliest)',
    '  --key <key>              print only events with this key',
    '  --type <type>            print only events of this type',
    '  --where <condition>      print only events for which this SQL condition is true',
    '  --follow, --no-follow    whether to wait for new events at the end of the stream',
    '  --json                   print lines of JSON on a terminal too',
    targetHelp,
  ].join('\n'),
  examples: ['millrace tail sensors clean --from -15m --where "temp_max > 30 AND sensor_id LIKE \'roof%\'"'],
  options: {
    ...targetOptions,
    from: { type: 'string' },
    key: { type: 'string' },
    type: { type: 'string' },
    where: { type: 'string' },
    follow: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 2, async (find, { target }) => {
      const { values, positionals, signal } = invocation;
      const { readTail } = await import('../../operation/tail.ts');
      const { eventFilter } = await import('../../operation/event-filter.ts');
      const isTerminal = process.stdout.isTTY === true;
      const follow = typeof values.follow === 'boolean' ? values.follow : isTerminal;
      const from = parseStart(String(values.from ?? (follow ? 'latest' : 'earliest')), Date.now());
      const style = lineStyle({ json: values.json === true || !isTerminal, isTerminal });
      const plan = find.stream(positionals[0], positionals[1]);
      const stream = target.streamName(plan);
      const wish = { key: textOf(values.key), type: textOf(values.type), where: textOf(values.where) };
      const matches = await eventFilter(wish, { name: positionals[1] ?? '', schema: plan.schema });
      const printEvent = (event: ReceivedEvent, shardId: string): void => {
        try {
          if (matches(event)) (style === 'coloured' ? printColoured : print)(eventLine(event, style));
        } catch (error) {
          if (!(error instanceof EventRejected)) throw error;
          printError(`${shardId}: ${error.reason}: ${error.message}`);
        }
      };
      const printRejection = ({ reason, message }: Rejection, shardId: string): void => {
        printError(`${shardId}: ${reason}: ${message}`);
      };
      await readTail(
        { kinesis: target.clients.kinesis, stream, from, follow, signal },
        { event: printEvent, rejection: printRejection },
      ).catch((error) => {
        // Ctrl-C is the usual way to end a tail.
        if (!signal.aborted) throw error;
      });
      return 0;
    }),
};

function textOf(value: string | boolean | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
