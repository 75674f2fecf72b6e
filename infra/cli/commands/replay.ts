import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const replay: Command = {
  summary: "writes a range of a sink's input into a new table or prefix, or to a URL",
  usage: '<pipeline> --step <sink> --from <position> --into <table|prefix|url> [options]',
  help: [
    "The sink's own position and output do not change. A table must be missing or empty; a sink with",
    'the option create creates it. Files go to replays/<prefix of the sink>/<prefix> in the lake. The',
    'range starts with the first record that arrived at --from or later, and ends before the first',
    'record that arrived at --to or later. After an interruption, run the same command again to',
    'continue.',
    '',
    '  --step <sink>            sink to replay',
    '  --from <position>        earliest, a time (2026-01-31T23:59:00Z), or how long ago (-2h)',
    '  --to <position>          a time, how long ago, or latest (default: latest)',
    '  --into <destination>     new table or prefix, or a URL',
    '  --json                   print a line of JSON when done',
    targetHelp,
  ].join('\n'),
  examples: ['millrace replay sensors --step readings --from -2h --into readings_again'],
  options: {
    ...targetOptions,
    step: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    into: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 1, async (find, found) => {
      const { values, positionals } = invocation;
      const { replayStep } = await import('../actions/replay-step.ts');
      const { readerOf } = await import('../../operation/control/move-request.ts');
      const step = readerOf(find.step(positionals[0], text(values.step)));
      const from = text(values.from);
      const into = text(values.into);
      if (from === undefined)
        throw new UserMistake('missing start; use --from earliest, 2026-01-31T23:59:00Z, or -15m');
      if (into === undefined) throw new UserMistake('missing destination; use --into <table|prefix|url>, a new one');
      return replayStep(step, found, { invocation, range: { from, to: text(values.to) ?? 'latest', into } });
    }),
};

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
