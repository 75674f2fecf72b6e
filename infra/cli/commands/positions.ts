import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { Command, CommandInvocation } from '../command.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const positions: Command = {
  summary: 'shows the positions of a step, or moves it back or on',
  usage: '<pipeline> <step> [--to <place>] [options]',
  help: [
    'A step goes back to the first record that arrived at a time or later, and does it and all that follows again; or it goes on to it and',
    'skips what lies between. No other step notices, but for those that read what a transform makes: they get its events again.',
    'It asks before it does anything. Ctrl-C ends the command, not the move: said again, it goes on, and so does the step by itself as',
    'events come.',
    '',
    '  --to <place>             earliest, latest, 2026-01-31T23:59:00Z, -15m (s, m, h, d), or a sequence number',
    '  --shard <shards>         0,3: only these, and what they were split or merged into; all without it',
    '  --into <table|prefix>    of a sink: it stays where it is, and what it would replay goes into a fresh place, up to now',
    '  --yes                    does not ask',
    '  --yes-double             of a transform: although sinks after it will have its events twice',
    '  --json                   lines of JSON',
    targetHelp,
  ].join('\n'),
  options: {
    ...targetOptions,
    to: { type: 'string' },
    shard: { type: 'string' },
    into: { type: 'string' },
    yes: { type: 'boolean' },
    'yes-double': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 2, async (asked, found) => {
      const { readerOf } = await import('../arguments/positions.ts');
      const { positionals, values } = invocation;
      const step = readerOf(asked.step(positionals[0], positionals[1]));
      if (values.to === undefined) return show(step, found, invocation);
      if (values.into !== undefined) return replay(step, found, invocation);
      const { moveStep } = await import('../actions/move-step.ts');
      return moveStep({ step, asked, found }, invocation);
    }),
};

async function show(
  step: TransformPlan | SinkPlan,
  { target, title }: FoundTarget,
  { values, signal }: CommandInvocation,
): Promise<number> {
  const { standingsReport, standingsOf } = await import('../reports/positions-report.ts');
  const standings = await standingsOf(step, target, signal);
  if (values.json === true) for (const standing of standings) console.log(JSON.stringify(standing));
  else console.log([title, '', standingsReport(standings)].join('\n'));
  return 0;
}

async function replay(
  step: TransformPlan | SinkPlan,
  found: FoundTarget,
  invocation: CommandInvocation,
): Promise<number> {
  const { replayStep } = await import('../actions/replay-step.ts');
  const { values } = invocation;
  if (values.shard !== undefined)
    throw new UserMistake('--shard does not go with --into: a fresh place gets what every shard has');
  return replayStep(step, found, {
    invocation,
    range: { from: String(values.to), to: 'latest', into: String(values.into) },
  });
}
