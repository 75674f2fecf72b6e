import type { StepStatus } from '../../operation/status/status.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const status: Command = {
  summary: 'shows the state, position and lag of each step in each shard, and the size of tables',
  usage: '[pipeline] [options]',
  help: [
    'Columns:',
    '  position       arrival time of the last record that the step read, and the last digits of its',
    '                 sequence number',
    '  behind         events after the position, counted in the first 500 records or 2 MiB; for a queue,',
    '                 messages',
    '  waiting        age of the oldest of those events',
    '  last progress  when the position last moved',
    '  dead letters   events of this step that are dead letters now',
    '',
    'States:',
    '  idle           there is nothing to read',
    '  running        events are waiting, for no longer than usual',
    "  behind         events have waited for longer than the step's schedule explains",
    '  paused         millrace pause was used',
    '  rewinding      millrace positions moved the step, and it has not caught up yet',
    '  rebuilding     the step makes its table again, and its events wait; a note below the table says how far it is',
    '  held           events killed the function, so the step waits before the next (docs/runbook.md, "A step holds")',
    '  ended          the shard was split or merged, and all of its records are done',
    '  unknown        a note below the table gives the reason',
    '',
    'Tables, in a list of their own:',
    '  rows           about how many, as Postgres estimates',
    '  size           with indexes, and with what dead rows take',
    '  dead           the part of the rows that are old versions, which a vacuum has not taken yet',
    '  waiting        age of the oldest event that the table has not taken',
    '  watermark      of a table with windows, or on the way to one: the time up to which all of its shards have',
    '                 what came; windows close by it, each shard by its own',
    '  open windows   windows of time that have rows and have not closed',
    '',
    'Options:',
    '  --json                   print a line of JSON for each step and shard, then for each table',
    targetHelp,
  ].join('\n'),
  examples: ['millrace status sensors --stage prod'],
  options: { ...targetOptions, json: { type: 'boolean' } },
  run: (invocation) =>
    withTarget(invocation, 1, async (find, { target, title }) => {
      const { values, positionals, signal } = invocation;
      const { statusesOf } = await import('../../operation/status/statuses.ts');
      const { tableStatuses } = await import('../../operation/status/table-status.ts');
      const { tableReport } = await import('../reports/table-report.ts');
      const { statusReport } = await import('../reports/status-report.ts');
      const plans = positionals.length === 0 ? find.plans() : [find.plan(positionals[0])];
      const rows: StepStatus[] = [];
      const steps = plans.flatMap((plan) => plan.steps);
      for await (const statuses of statusesOf(steps, target, signal)) rows.push(...statuses);
      const tables = await tableStatuses(plans, { target, steps: rows }, signal);
      const now = Date.now();
      if (values.json === true) for (const row of [...rows, ...tables]) print(JSON.stringify(row));
      else print([statusReport(title, rows, now), tableReport(tables, now)].filter(Boolean).join('\n\n'));
      return 0;
    }),
};
