import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';
import { stageHelp, targetOptions } from '../target/options.ts';

export const doctor: Command = {
  summary: 'compares a stage with what this repository deploys, looks where sinks send to, and changes nothing',
  usage: '[pipeline] [options]',
  help: [
    'Looks at the checkpoint table, the buckets, the streams, each function and what calls it; and at',
    'what sinks send to: whether the server answers this machine, its certificate and its clock, and',
    'whether secrets have the form that the step needs. It only makes calls that read (of such a server,',
    'HEAD /). docs/aws-checklist.md lists what it cannot look up.',
    '',
    'Without the options below, it looks only at what the sinks of the dev of this folder send to.',
    '',
    'Results:',
    '  ok          as the repository deploys it',
    '  wrong       missing, or something else: the lines below the table say what to do',
    '  refused     your credentials may not read it: the lines below name the missing right',
    '  unanswered  a server that stands for AWS does not know the call',
    '  absent      not deployed in this stage: a pipeline, or the function that asks the database',
    '',
    'The exit code is 1 when anything is wrong or refused, and not for what is unanswered.',
    '',
    'Options:',
    '  --json                   print a line of JSON for each finding',
    stageHelp,
  ].join('\n'),
  examples: ['millrace doctor --stage prod'],
  options: { ...targetOptions, json: { type: 'boolean' } },
  async run(invocation) {
    const { name, values, positionals, signal } = invocation;
    refuseSurplus({ name, positionals }, 1);
    const isStage = Object.keys(targetOptions).some((option) => values[option] !== undefined);
    const { openStage, openTarget } = await import('../target/open-target.ts');
    const { pipelineFinder } = await import('../../operation/find-step.ts');
    const { explainAwsError } = await import('../../operation/aws-mistakes.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const { examine, examineDev } = await import('../../operation/doctor/doctor.ts');
    const { doctorReport } = await import('../reports/doctor-report.ts');
    const stage = isStage ? await openStage(values, signal) : undefined;
    using found = stage ?? (await openTarget(invocation));
    const { target, title } = found;
    const find = pipelineFinder(pipelines, found);
    const plans = positionals.length === 0 ? find.plans() : [find.plan(positionals[0])];
    const nowMillis = Date.now();
    const findings =
      stage === undefined
        ? await examineDev(plans, { nowMillis, signal })
        : await examine(plans, { target, lambda: stage.lambda, secrets: stage.secrets, signal }, nowMillis).catch(
            (error: unknown) => {
              throw explainAwsError(error);
            },
          );
    if (values.json === true) for (const finding of findings) print(JSON.stringify(finding));
    else print(doctorReport(title, findings));
    return findings.some(({ state }) => state === 'wrong' || state === 'refused') ? 1 : 0;
  },
};
