import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const replay: Command = {
  summary: "brings a range of a sink's events into a fresh table or prefix",
  usage: '<pipeline> --step <sink> --from <place> --to <place> --into <table|prefix> [options]',
  help: [
    'The sink itself goes on where it is, and does not notice. The table is one that is not there yet or has no row (the sink makes it, when',
    'it makes its own: create); files come below replays/<prefix of the sink>/ in the lake.',
    'Interrupted, it goes on when it is said again. From the first record that arrived then or later, to the first that arrived at the end.',
    '',
    '  --step <sink>',
    '  --from <place>           earliest, 2026-01-31T23:59:00Z, or -15m (s, m, h, d)',
    '  --to <place>             latest when not given; what arrived then or later is not in it',
    '  --into <table|prefix>',
    '  --json                   a line of JSON',
    targetHelp,
  ].join('\n'),
  options: {
    ...targetOptions,
    step: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    into: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 1, async (asked, found) => {
      const { values, positionals } = invocation;
      const { replayStep } = await import('../actions/replay-step.ts');
      const { readerOf } = await import('../arguments/positions.ts');
      const step = readerOf(asked.step(positionals[0], text(values.step)));
      const from = text(values.from);
      const into = text(values.into);
      if (from === undefined) throw new UserMistake('from where? --from earliest, 2026-01-31T23:59:00Z, or -15m');
      if (into === undefined) throw new UserMistake('into which place? --into <table|prefix>, one that is fresh');
      return replayStep(step, found, { invocation, range: { from, to: text(values.to) ?? 'latest', into } });
    }),
};

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
