import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';
import { stageHelp, targetOptions } from '../target/options.ts';

export const doctor: Command = {
  summary: 'compares a stage on AWS with what this repository deploys, and changes nothing',
  usage: '[pipeline] --stage <stage> [options]',
  help: [
    'Looks at the checkpoint table, the buckets, the streams, each function and what calls it. It only',
    'makes calls that read. docs/aws-checklist.md lists what it cannot look up.',
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
  async run({ name, values, positionals, signal }) {
    refuseSurplus({ name, positionals }, 1);
    if (Object.keys(targetOptions).every((option) => values[option] === undefined))
      throw new UserMistake('doctor looks at a stage on AWS; name one: millrace doctor --stage dev');
    const { openStage } = await import('../target/open-target.ts');
    const { pipelineFinder } = await import('../../operation/find-step.ts');
    const { explainAwsError } = await import('../../operation/aws-mistakes.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const { examine } = await import('../../operation/doctor/doctor.ts');
    const { doctorReport } = await import('../reports/doctor-report.ts');
    using found = await openStage(values, signal);
    const { target, lambda, title } = found;
    const find = pipelineFinder(pipelines, found);
    const plans = positionals.length === 0 ? find.plans() : [find.plan(positionals[0])];
    const findings = await examine(plans, { target, lambda, signal }, Date.now()).catch((error: unknown) => {
      throw explainAwsError(error);
    });
    if (values.json === true) for (const finding of findings) print(JSON.stringify(finding));
    else print(doctorReport(title, findings));
    return findings.some(({ state }) => state === 'wrong' || state === 'refused') ? 1 : 0;
  },
};
