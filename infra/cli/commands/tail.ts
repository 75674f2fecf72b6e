import type { Rejection } from '../../../functions/runtime/dead-letters.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { atPlace } from '../at-place.ts';
import type { Command } from '../command.ts';
import { eventLine, lineStyle } from '../event-line.ts';
import { placeHelp, placeOptions } from '../place-options.ts';
import { startOf } from '../times.ts';

export const tail: Command = {
  summary: 'shows the events of a stream as they come',
  usage: '<pipeline> <stream> [options]',
  help: [
    'A line an event: time, key, type and data on a terminal, CloudEvents as lines of JSON in a pipe. On a terminal it goes on until Ctrl-C.',
    '',
    '  --from <place>           earliest, latest, 2026-01-31T23:59:00Z, or how long ago: -15m (latest on a terminal, earliest in a pipe)',
    '  --key <key>              events with this key only',
    '  --follow, --no-follow    whether it goes on at the end of the stream',
    '  --json                   lines of JSON on a terminal too',
    placeHelp,
  ].join('\n'),
  options: {
    ...placeOptions,
    from: { type: 'string' },
    key: { type: 'string' },
    follow: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    atPlace(invocation, 2, async (asked, { place }) => {
      const { values, positionals, signal } = invocation;
      const { readTail } = await import('../../operation/tail.ts');
      const isTerminal = process.stdout.isTTY === true;
      const follow = typeof values.follow === 'boolean' ? values.follow : isTerminal;
      const from = startOf(String(values.from ?? (follow ? 'latest' : 'earliest')), Date.now());
      const style = lineStyle({ json: values.json === true || !isTerminal, isTerminal });
      const stream = place.streamName(asked.stream(positionals[0], positionals[1]));
      const show = (event: ReceivedEvent): void => {
        if (values.key === undefined || event.key === values.key) console.log(eventLine(event, style));
      };
      const complain = ({ reason, message }: Rejection, shardId: string): void => {
        console.error(`${shardId}: ${reason}: ${message}`);
      };
      await readTail(
        { kinesis: place.clients.kinesis, stream, from, follow, signal },
        { event: show, rejection: complain },
      ).catch((error) => {
        // Ctrl-C is how it is meant to end.
        if (!signal.aborted) throw error;
      });
      return 0;
    }),
};
