import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';

export const database: Command = {
  summary: 'creates the database users of a stage in its own database, or drops a slot that a source has left',
  usage: 'init|drop-slot [options]',
  help: [
    'init: creates the user of sinks and tables, and the user that millrace query and status read as.',
    "Runs a function inside the stage's network, with the administrator's secret, which is read with",
    'your credentials. You need lambda:InvokeFunction and secretsmanager:GetSecretValue. Running it',
    'again changes nothing.',
    '',
    'drop-slot <slot>: drops the replication slot of a source that is gone. Removing a stage or a step cannot',
    'do that, and the server keeps its log for the slot. It asks first. The password is taken from PGPASSWORD.',
    '',
    '  --url <database>         of drop-slot: postgres://<user>@<host>:<port>/<database>',
    '  --yes                    of drop-slot: drop without a question',
    '  --stage <stage>          stage to use (default: dev)',
    '  --profile <profile>      profile of the AWS configuration',
    '  --region <region>        AWS region',
  ].join('\n'),
  examples: [
    'millrace database init --stage prod',
    'millrace database drop-slot millrace_crm_changes_1a2b3c4d --url postgres://me@db.example.com/crm?sslmode=verify-full',
  ],
  options: {
    url: { type: 'string' },
    yes: { type: 'boolean' },
    stage: { type: 'string' },
    profile: { type: 'string' },
    region: { type: 'string' },
  },
  async run({ values, positionals, signal }) {
    if (positionals[0] === 'drop-slot') return runDropSlot(positionals[1], values, signal);
    if (positionals.join(' ') !== 'init') {
      const what = positionals.length === 0 ? 'missing argument' : `unknown argument '${positionals.join(' ')}'`;
      throw new UserMistake(`${what}; use millrace database init`);
    }
    const { LambdaClient } = await import('@aws-sdk/client-lambda');
    const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
    const { parseOrExplain } = await import('../../../functions/runtime/step-config.ts');
    const { namesOf, Stage } = await import('../../names.ts');
    const { explainAwsError } = await import('../../operation/aws-mistakes.ts');
    const { runDatabaseInit } = await import('../actions/init-database.ts');
    const stage = parseOrExplain(Stage, values.stage ?? 'dev', '--stage');
    const from = {
      ...(typeof values.profile === 'string' ? { profile: values.profile } : {}),
      ...(typeof values.region === 'string' ? { region: values.region } : {}),
    };
    const clients = { lambda: new LambdaClient(from), secrets: new SecretsManagerClient(from) };
    const { databaseInit } = namesOf({ stage, account: '', region: '', partition: '' });
    const { user, changed } = await runDatabaseInit(databaseInit, clients, signal).catch((error: unknown) => {
      throw explainAwsError(error);
    });
    for (const statement of changed) print(statement);
    print(changed.length === 0 ? `nothing to do: user ${user} exists` : `user ${user} is ready`);
    return 0;
  },
};

async function runDropSlot(
  slot: string | undefined,
  { url, yes }: Readonly<Record<string, string | boolean | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  if (slot === undefined || typeof url !== 'string')
    throw new UserMistake('missing argument; use millrace database drop-slot <slot> --url <database>');
  const { withGivenDatabase } = await import('../target/given-database.ts');
  const { dropSlot, findSlotToDrop } = await import('../actions/drop-slot.ts');
  const { confirm } = await import('../actions/confirm.ts');
  return withGivenDatabase(url, async (ask) => {
    const found = await findSlotToDrop(ask, slot);
    const question = `drop the slot ${slot}? The server keeps ${found.kept} of its log for it. A step that reads it loses all changes after ${found.confirmed}`;
    if (!(await confirm(question, { yes: yes === true, signal }))) return 1;
    await dropSlot(ask, found);
    print(`dropped ${slot}`);
    return 0;
  });
}
