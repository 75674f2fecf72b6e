import type { Standing } from '../../operation/status/status.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const status: Command = {
  summary: 'shows where each step stands in each shard',
  usage: '[pipeline] [options]',
  help: [
    'Position: when the record that the step is at arrived, and the end of its sequence number. Behind: the events after it, as the log has',
    'them, in the first 500 records or 2 MiB of a shard; of a queue, messages. Waiting: how long the oldest of them has.',
    '',
    '  idle      nothing to do',
    '  running   what waits has not waited for long',
    '  behind    it has, for longer than the delivery explains',
    '  paused    by millrace pause',
    '  rewinding it was moved by millrace positions, and has not caught up',
    '  held      its function died of what comes next, again and again',
    '  ended     the shard was split or merged, and all of it is done',
    '  unknown   the reason is said',
    '',
    '  --json                   a line of JSON for each step and shard',
    targetHelp,
  ].join('\n'),
  options: { ...targetOptions, json: { type: 'boolean' } },
  run: (invocation) =>
    withTarget(invocation, 1, async (asked, { target, title }) => {
      const { values, positionals, signal } = invocation;
      const { standingOf } = await import('../../operation/status/status.ts');
      const { statusReport } = await import('../reports/status-report.ts');
      const plans = positionals.length === 0 ? asked.plans() : [asked.plan(positionals[0])];
      const standings: Standing[] = [];
      for (const step of plans.flatMap(({ steps }) => steps)) {
        standings.push(...(await standingOf(step, target, signal).catch((error) => notThere(step, error))));
      }
      if (values.json === true) for (const standing of standings) console.log(JSON.stringify(standing));
      else console.log(statusReport(title, standings, Date.now()));
      return 0;
    }),
};

/** Not every pipeline of the repository is in every stage. */
function notThere({ pipeline, name, delivery }: StepPlan, error: Error): readonly Standing[] {
  if (!['ResourceNotFoundException', 'QueueDoesNotExist'].includes(error.name)) throw error;
  const note = `what it reads is not there: is pipeline '${pipeline}' deployed?`;
  return [{ pipeline, step: name, delivery, state: 'unknown', deadLetters: 0, note }];
}
