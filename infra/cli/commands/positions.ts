import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { print } from '../../terminal.ts';
import type { Command, CommandInvocation } from '../command.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const positions: Command = {
  summary: 'shows the positions of a step, or moves them back or forward',
  usage: '<pipeline> <step> [--to <position>] [options]',
  help: [
    'Moves a step to a time or record. Moving back processes everything after it again; moving forward',
    "skips what lies between. Other steps keep their positions, but the readers of a transform's output",
    'receive its events again. The command shows what it would do and asks before it moves anything.',
    'Ctrl-C ends the command, not the move: run the same command again to continue. Without it, the',
    'step continues by itself as new records arrive. A table can be moved to earliest only: it is made',
    'again of its whole log.',
    '',
    '  --to <position>          earliest, latest, a time (2026-01-31T23:59:00Z), how long ago (-90s,',
    '                           -15m, -2h, -1d), or a sequence number',
    '  --shard <shards>         move only these shards, such as 0,3, and the shards they were split or',
    '                           merged into (default: all)',
    '  --into <destination>     for a sink: keep its position, and write the events from --to until now',
    '                           into a new table or prefix, or to a URL',
    '  --yes                    do not ask',
    '  --yes-double             for a transform: move it although sinks after it will get duplicates',
    '  --json                   print lines of JSON',
    targetHelp,
  ].join('\n'),
  examples: [
    'millrace positions sensors readings',
    'millrace positions sensors readings --to 2026-01-31T09:00:00Z --stage prod',
  ],
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
    withTarget(invocation, 2, async (find, found) => {
      const { readerOf } = await import('../../operation/control/move-request.ts');
      const { positionals, values } = invocation;
      const step = readerOf(find.step(positionals[0], positionals[1]));
      if (values.to === undefined && values.shard !== undefined)
        throw new UserMistake('--shard says which shards to move; add --to <position>, or leave --shard out');
      if (values.to === undefined) return showPositions(step, found, invocation);
      if (values.into !== undefined) return replay(step, found, invocation);
      const { moveStep } = await import('../actions/move-step.ts');
      return moveStep({ step, find, found }, invocation);
    }),
};

async function showPositions(
  step: ReaderPlan,
  { target, title }: FoundTarget,
  { values, signal }: CommandInvocation,
): Promise<number> {
  const { positionsReport, shardPositions } = await import('../reports/positions-report.ts');
  const rows = await shardPositions(step, target, signal);
  if (values.json === true) for (const row of rows) print(JSON.stringify(row));
  else print([title, '', positionsReport(rows)].join('\n'));
  return 0;
}

async function replay(step: ReaderPlan, found: FoundTarget, invocation: CommandInvocation): Promise<number> {
  const { replayStep } = await import('../actions/replay-step.ts');
  const { values } = invocation;
  if (values.shard !== undefined)
    throw new UserMistake(
      '--shard cannot be used with --into: a new table or prefix receives the events of all shards',
    );
  return replayStep(step, found, {
    invocation,
    range: { from: String(values.to), to: 'latest', into: String(values.into) },
  });
}
