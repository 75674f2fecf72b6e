import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closed, freePort, listen, portOf } from '../../../../infra/local/servers/listening.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';

let folder: string;
let endpoint: string;
const server = createServer((request, response) => {
  request.resume();
  const answer = ANSWERS[request.url?.split('/')[1] ?? ''] ?? ANSWERS.page;
  response.writeHead(answer?.status ?? 500, answer?.headers).end(answer?.body);
});

/** Replies by the first part of the endpoint's path. */
const ANSWERS: Readonly<Record<string, { status: number; headers?: Record<string, string>; body: string }>> = {
  page: { status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' },
  lacking: { status: 501, body: '{"__type":"InternalFailure","message":"not yet implemented"}' },
  unknown: { status: 404, headers: { 'x-amzn-errortype': 'UnknownOperationException' }, body: '{}' },
  denying: {
    status: 403,
    headers: { 'x-amzn-errortype': 'AccessDeniedException' },
    body: '{"Message":"may not lambda:ListEventSourceMappings"}',
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-mappings-'));
  await listen(server, 0);
  endpoint = `http://127.0.0.1:${portOf(server)}`;
});

afterAll(async () => {
  await closed(server);
  await rm(folder, { recursive: true });
});

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
const REGION = { AWS_REGION: 'us-east-1' };

/** Runs `millrace mappings …` in a folder of its own, without this machine's configuration of AWS. */
function millrace(args: readonly string[], env: Readonly<Record<string, string>>) {
  const nowhere = join(folder, 'none');
  const none = {
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: folder,
  };
  const command = [join(REPOSITORY, 'infra/cli/main.ts'), 'mappings', ...args];
  return new Promise<{ code: unknown; said: string }>((resolve) => {
    execFile(process.execPath, command, { cwd: folder, env: { ...none, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, said: stdout + stderr }),
    );
  });
}

test.each([
  { what: 'no endpoint', args: () => [], says: /^missing endpoint; use --endpoint http/ },
  {
    what: 'an endpoint that is no URL',
    args: () => ['--endpoint', 'localhost:4566'],
    says: /'localhost:4566' is not a URL/,
  },
  { what: 'an argument', args: () => ['load'], says: /^unexpected argument 'load'; see millrace mappings --help/ },
  {
    what: 'an endpoint where nothing listens',
    args: async () => ['--endpoint', `http://127.0.0.1:${await freePort()}`],
    says: /^nothing answers at http.* \(ECONNREFUSED\): start the server/,
  },
  {
    what: 'no credentials',
    args: () => ['--endpoint', endpoint],
    env: REGION,
    says: /^there are no AWS credentials: .*export AWS_ACCESS_KEY_ID=test/,
  },
  {
    what: 'no region',
    args: () => ['--endpoint', endpoint],
    env: CREDENTIALS,
    says: /^there is no AWS region: .*export AWS_REGION=/,
  },
  {
    what: 'a server that is no AWS',
    args: () => ['--endpoint', endpoint],
    says: /does not support this call \(200 SyntaxError\)/,
  },
  {
    what: 'a server without Lambda',
    args: () => ['--endpoint', `${endpoint}/lacking`],
    says: /does not support this call \(501 /,
  },
  {
    what: 'a server without mappings',
    args: () => ['--endpoint', `${endpoint}/unknown`],
    says: /does not support this call \(404 /,
  },
  {
    what: 'credentials of somebody who may not',
    args: () => ['--endpoint', `${endpoint}/denying`],
    says: /refuses these credentials \(AccessDeniedException: .*ListEventSourceMappings\)/,
  },
])('prints one line that says what to do about $what', async ({ args, env, says }) => {
  const { code, said } = await millrace(await args(), env ?? { ...CREDENTIALS, ...REGION });
  expect(said).toMatch(says);
  expect(said.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(2);
});
