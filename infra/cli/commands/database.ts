import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';

export const database: Command = {
  summary: 'creates the database users of a stage in its own database',
  usage: 'init [options]',
  help: [
    'Creates the user of sinks and tables, and the user that millrace query and status read as.',
    "Runs a function inside the stage's network, with the administrator's secret, which is read with",
    'your credentials. You need lambda:InvokeFunction and secretsmanager:GetSecretValue. Running it',
    'again changes nothing.',
    '',
    '  --stage <stage>          stage to use (default: dev)',
    '  --profile <profile>      profile of the AWS configuration',
    '  --region <region>        AWS region',
  ].join('\n'),
  examples: ['millrace database init --stage prod'],
  options: { stage: { type: 'string' }, profile: { type: 'string' }, region: { type: 'string' } },
  async run({ values, positionals, signal }) {
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
