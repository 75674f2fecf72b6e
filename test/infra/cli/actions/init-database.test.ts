import type { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { type DatabaseInitClients, runDatabaseInit } from '../../../../infra/cli/actions/init-database.ts';
import { database } from '../../../../infra/cli/commands/database.ts';

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1';
const { signal } = new AbortController();

/** Fakes AWS with one function and one secret. */
function aws(answers: {
  readonly invoke: (request: unknown) => unknown;
  readonly secret?: string;
}): DatabaseInitClients & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  const lambda = {
    send: async ({ input }: InvokeCommand) => {
      const request: unknown = JSON.parse(String(input.Payload));
      calls.push({ function: input.FunctionName, request });
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
      calls.push({ secret: input.SecretId });
      return { SecretString: answers.secret };
    },
  } as unknown as SecretsManagerClient;
  return { lambda, secrets, calls };
}

const done = { user: 'millrace_sinks', changed: ['CREATE ROLE …'] };
const isFirst = (request: unknown): boolean => Object.keys(request as object).length === 0;

test('sends the function the administrator whose secret the function names', async () => {
  const clients = aws({
    invoke: (request) => (isFirst(request) ? { administratorSecret: SECRET } : done),
    secret: '{"username":"admin","password":"p"}',
  });
  expect(await runDatabaseInit('f', clients, signal)).toEqual(done);
  expect(clients.calls).toEqual([
    { function: 'f', request: {} },
    { secret: SECRET },
    { function: 'f', request: { administrator: { user: 'admin', password: 'p' } } },
  ]);
});

test('reports the error of the function', async () => {
  const clients = aws({
    invoke: (request) => (isFirst(request) ? { administratorSecret: SECRET } : new Error('no role rds_iam')),
    secret: '{"username":"admin","password":"p"}',
  });
  const failed = runDatabaseInit('f', clients, signal);
  await expect(failed).rejects.toThrow(UserMistake);
  await expect(failed).rejects.toThrow('the function f failed: no role rds_iam');
});

test('explains a function that does not exist: the stage is not deployed, or has no database of its own', async () => {
  const missing = Object.assign(new Error('gone'), { name: 'ResourceNotFoundException' });
  await expect(runDatabaseInit('f', aws({ invoke: () => missing }), signal)).rejects.toThrow(
    /there is no function f: deploy the stage first, or name another with --stage; create the user yourself/,
  );
});

test.each(['p', '{"password":"p"}'])('rejects the secret %j, which lacks a username or a password', async (secret) => {
  const clients = aws({ invoke: () => ({ administratorSecret: SECRET }), secret });
  await expect(runDatabaseInit('f', clients, signal)).rejects.toThrow(
    /lacks a username or a password; store both, in the format of RDS/,
  );
});

test.each([
  { positionals: [], message: 'missing argument; use millrace database init' },
  { positionals: ['inti'], message: "unknown argument 'inti'; use millrace database init" },
])('rejects the arguments $positionals and names the right ones', async ({ positionals, message }) => {
  await expect(database.run({ name: 'database', values: {}, positionals, signal })).rejects.toThrow(message);
});
