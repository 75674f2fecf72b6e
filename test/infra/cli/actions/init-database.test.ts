import type { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { type DatabaseInitClients, runDatabaseInit } from '../../../../infra/cli/actions/init-database.ts';
import { database } from '../../../../infra/cli/commands/database.ts';

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1';
const { signal } = new AbortController();

/** AWS with one function and one secret. */
function aws(answers: {
  readonly invoke: (request: unknown) => unknown;
  readonly secret?: string;
}): DatabaseInitClients & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const lambda = {
    send: async ({ input }: InvokeCommand) => {
      const request: unknown = JSON.parse(String(input.Payload));
      asked.push({ function: input.FunctionName, request });
      const answer = answers.invoke(request);
      if (answer instanceof Error && answer.name !== 'Error') throw answer;
      const failed = answer instanceof Error;
      return {
        Payload: Buffer.from(JSON.stringify(failed ? { errorMessage: answer.message } : answer)),
        ...(failed ? { FunctionError: 'Unhandled' } : {}),
      };
    },
  } as unknown as LambdaClient;
  const secrets = {
    send: async ({ input }: { input: { SecretId: string } }) => {
      asked.push({ secret: input.SecretId });
      return { SecretString: answers.secret };
    },
  } as unknown as SecretsManagerClient;
  return { lambda, secrets, asked };
}

const done = { user: 'millrace_sinks', changed: ['CREATE ROLE …'] };
const isFirst = (request: unknown): boolean => Object.keys(request as object).length === 0;

test('brings the function the administrator that it names', async () => {
  const clients = aws({
    invoke: (request) => (isFirst(request) ? { administratorSecret: SECRET } : done),
    secret: '{"username":"admin","password":"p"}',
  });
  expect(await runDatabaseInit('f', clients, signal)).toEqual(done);
  expect(clients.asked).toEqual([
    { function: 'f', request: {} },
    { secret: SECRET },
    { function: 'f', request: { administrator: { user: 'admin', password: 'p' } } },
  ]);
});

test('says what the function failed with', async () => {
  const clients = aws({
    invoke: (request) => (isFirst(request) ? { administratorSecret: SECRET } : new Error('no role rds_iam')),
    secret: '{"username":"admin","password":"p"}',
  });
  const failed = runDatabaseInit('f', clients, signal);
  await expect(failed).rejects.toThrow(UserMistake);
  await expect(failed).rejects.toThrow('the function f failed: no role rds_iam');
});

test('says that a stage without a database of its own has no such function', async () => {
  const missing = Object.assign(new Error('gone'), { name: 'ResourceNotFoundException' });
  await expect(runDatabaseInit('f', aws({ invoke: () => missing }), signal)).rejects.toThrow(
    /there is no function f: deploy the stage first, or name another with --stage; a database that the context names/,
  );
});

test.each(['p', '{"password":"p"}'])('refuses the secret %j, which names nobody', async (secret) => {
  const clients = aws({ invoke: () => ({ administratorSecret: SECRET }), secret });
  await expect(runDatabaseInit('f', clients, signal)).rejects.toThrow(
    /has no username and password, as RDS makes them/,
  );
});

test.each([{ positionals: [] }, { positionals: ['inti'] }])(
  'database $positionals is told how to be called',
  async ({ positionals }) => {
    await expect(database.run({ values: {}, positionals, signal })).rejects.toThrow(
      `database takes 'init', and got '${positionals.join(' ')}': millrace database init`,
    );
  },
);
