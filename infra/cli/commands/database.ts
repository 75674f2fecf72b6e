import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';

export const database: Command = {
  summary: "init: makes the sinks' user in a stage's own database",
  usage: 'init [options]',
  help: [
    'Through a function inside the network, with the administrator’s secret, which you must be allowed to read; you need lambda:InvokeFunction',
    'and secretsmanager:GetSecretValue. Run again, it changes nothing.',
    '',
    '  --stage <stage>          (dev)',
    '  --profile <profile>      of the AWS configuration',
    '  --region <region>',
  ].join('\n'),
  options: { stage: { type: 'string' }, profile: { type: 'string' }, region: { type: 'string' } },
  async run({ values, positionals, signal }) {
    if (positionals.join(' ') !== 'init') {
      throw new UserMistake(`database takes 'init', and got '${positionals.join(' ')}': millrace database init`);
    }
    const { LambdaClient } = await import('@aws-sdk/client-lambda');
    const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
    const { parseOrExplain } = await import('../../../functions/runtime/step-config.ts');
    const { namesOf, Stage } = await import('../../names.ts');
    const { explained } = await import('../target/aws-mistakes.ts');
    const { runDatabaseInit } = await import('../actions/init-database.ts');
    const stage = parseOrExplain(Stage, values.stage ?? 'dev', '--stage');
    const from = {
      ...(typeof values.profile === 'string' ? { profile: values.profile } : {}),
      ...(typeof values.region === 'string' ? { region: values.region } : {}),
    };
    const clients = { lambda: new LambdaClient(from), secrets: new SecretsManagerClient(from) };
    const { databaseInit } = namesOf({ stage, account: '', region: '', partition: '' });
    const { user, changed } = await runDatabaseInit(databaseInit, clients, signal).catch((error: unknown) => {
      throw explained(error);
    });
    for (const statement of changed) console.log(statement);
    console.log(changed.length === 0 ? `nothing to do: ${user} is there` : `${user} is there now`);
    return 0;
  },
};
