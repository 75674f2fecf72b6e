import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closed, freePort, listen, portOf } from '../../infra/local/servers/listening.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { findPython } from './ministack.ts';

/** A server that stands for AWS and may lack one service. Its lists are empty. */
let lacking: string | undefined;
const server = createServer(async (request, response) => {
  const service = serviceOf(request);
  const body = (await buffer(request)).toString();
  if (service === lacking) response.writeHead(501).end('{"__type":"InternalFailure"}');
  else response.writeHead(200).end(answerTo(service, body));
});

function serviceOf({ headers: { authorization = '' } }: IncomingMessage): string {
  return /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(authorization)?.[1] ?? '';
}

function answerTo(service: string, body: string): string {
  if (body.includes('GetCallerIdentity')) return '<Result><Account>123456789012</Account></Result>';
  if (service === 's3') return '<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>';
  return service === 'cloudformation' ? '<ListStacksResponse/>' : '{}';
}

let folder: string;
let endpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-deploy-input-'));
  await listen(server, 0);
  endpoint = `http://127.0.0.1:${portOf(server)}`;
});
afterAll(async () => {
  await closed(server);
  await rm(folder, { recursive: true });
});

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
const REGION = { AWS_REGION: 'us-east-1' };

/** Runs `npm run test:deploy -- …` without this machine's AWS configuration. */
function testDeploy(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const nowhere = join(folder, 'none');
  const none = {
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: folder,
    TMPDIR: folder,
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  };
  const command = [join(REPOSITORY, 'test/deploy/main.ts'), ...args];
  return new Promise<{ code: unknown; said: string }>((resolve) => {
    execFile(process.execPath, command, { cwd: folder, env: { ...none, ...env } }, (error, _, stderr) =>
      resolve({ code: error?.code ?? 0, said: stderr }),
    );
  });
}

describe('npm run test:deploy names in one line what is wrong, and the fix', () => {
  test.each<{
    what: string;
    args?: readonly string[];
    env?: () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;
    lacks?: string;
    says: RegExp;
  }>([
    {
      what: 'AWS itself',
      env: () => ({ AWS_ENDPOINT_URL: 'https://kinesis.eu-west-1.amazonaws.com' }),
      says: /^AWS_ENDPOINT_URL is AWS itself, where a stage costs money: .*--account 123456789012\)$/,
    },
    {
      what: 'an account that was not named',
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...CREDENTIALS, ...REGION }),
      says: /^this is account 123456789012, .* \(npm run test:deploy -- --account 123456789012\)$/,
    },
    {
      what: 'credentials of another account than the named one',
      args: ['--account', '210987654321'],
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...CREDENTIALS, ...REGION }),
      says: /^these credentials are of account 123456789012, not of 210987654321: .*export AWS_PROFILE=/,
    },
    {
      what: 'an account that is none',
      args: ['--account', 'mine'],
      says: /^--account is 'mine'; an account has twelve digits$/,
    },
    {
      what: 'an option that there is not',
      args: ['--statement'],
      says: /^unknown option '--statement'; did you mean --statements\? see npm run test:deploy -- --help$/,
    },
    {
      what: 'an argument that is none',
      args: ['prod'],
      says: /^unexpected argument 'prod'; see npm run test:deploy -- --help$/,
    },
    {
      what: 'an endpoint that is not a URL',
      env: () => ({ AWS_ENDPOINT_URL: '127.0.0.1:4566' }),
      says: /^AWS_ENDPOINT_URL is '127.0.0.1:4566'; write it as http:\/\/127.0.0.1:4566, without a slash at the end$/,
    },
    {
      what: 'an endpoint where nothing listens',
      env: async () => ({ AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}`, ...CREDENTIALS, ...REGION }),
      says: /^Kinesis: nothing answers at http:.* \(ECONNREFUSED\): start the server there \(MiniStack: uvx ministack\)/,
    },
    {
      what: 'no credentials',
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...REGION }),
      says: /^there are no AWS credentials: .*\(export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\)$/,
    },
    {
      what: 'no credentials for the account',
      args: ['--account', '123456789012'],
      env: () => REGION,
      says: /^there are no AWS credentials .*\(aws sso login\)$/,
    },
    {
      what: 'no region',
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...CREDENTIALS }),
      says: /^there is no AWS region: name the one to use \(export AWS_REGION=us-east-1\)$/,
    },
    {
      what: 'a region that is none',
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...CREDENTIALS, AWS_REGION: 'us-east' }),
      says: /^invalid AWS region 'us-east': name the region to use \(export AWS_REGION=us-east-1\)$/,
    },
    ...(
      [
        ['kinesis', 'Kinesis'],
        ['s3', 'S3'],
        ['secretsmanager', 'Secrets Manager'],
        ['cloudformation', 'CloudFormation'],
      ] as const
    ).map(([lacks, name]) => ({
      what: `a server without ${name}`,
      lacks,
      env: () => ({ AWS_ENDPOINT_URL: endpoint, ...CREDENTIALS, ...REGION }),
      says: new RegExp(`^${name}: http://127.* does not support this call \\(501 .*\\): start a server that does$`),
    })),
  ])('$what', async ({ args = [], env = () => ({}), lacks, says }) => {
    lacking = lacks;
    const { code, said } = await testDeploy(args, await env());
    expect(said.trimEnd()).toMatch(says);
    expect(code).toBe(2);
  });

  test('no suitable Python for MiniStack, even when there is an old one', async () => {
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'python3'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await expect(findPython({ PATH: bin })).rejects.toThrow(
      /^there is no Python of 3.10 or newer with venv, which MiniStack needs: install one \(apt install python3-venv, brew install python\), or give a server with AWS_ENDPOINT_URL=http:\/\/127.0.0.1:4566$/,
    );
    await writeFile(join(bin, 'python3.12'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    expect(await findPython({ PATH: bin })).toBe('python3.12');
  });
});
