import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT, REGION } from '../../infra/local/target.ts';
import { namesOf } from '../../infra/names.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import type { Finished } from './command-host.ts';
import { linesOf, until } from './running-dev.ts';
import { startWarmCommands, type WarmCommands } from './warm-commands.ts';

const MAIN = join(REPOSITORY, 'infra/cli/main.ts');

let folder: string;
let commands: WarmCommands;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-operate-'));
  commands = await startWarmCommands(folder);
});
afterAll(async () => {
  await commands?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command to its end, in the folder of dev. */
const millrace = (args: readonly string[]): Promise<Finished> => commands.run(args);

/** Does the same with a process of its own, as a user does. */
function millraceProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Promise((resolve) => {
    const env = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true', ...environment };
    execFile(process.execPath, [MAIN, ...args], { cwd: folder, env }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, out, err });
    });
  });
}

interface Row {
  readonly step: string;
  readonly shard?: string;
  readonly state: string;
  readonly position?: { readonly sequenceNumber: string; readonly time?: string };
  readonly recordsBehind?: number;
  readonly lastProgress?: string;
  readonly deadLetters: number;
  readonly note?: string;
}

const rowsOf = async (step: string): Promise<Row[]> =>
  linesOf<Row>(await millrace(['status', 'sensors', '--json'])).filter((row) => row.step === step);

describe('operator commands, without a running dev', () => {
  test.each(['status', 'doctor'])('name both kinds of target (%s)', async (command) => {
    const { code, err } = await millraceProcess([command]);
    expect([code, err.trim()]).toEqual([
      2,
      'no dev runs in this folder: start one (npm run dev), or name a stage on AWS (--stage dev)',
    ]);
  });

  test('notice the file of a dev that was killed', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => gone.once('exit', resolve));
    const database = { host: '127.0.0.1', port: 1, name: 'n', user: 'u', password: 'p' };
    const left = {
      pid: gone.pid,
      pipelines: [],
      kinesis: 'k',
      dynamodb: 'd',
      s3: 's',
      sqs: 'q',
      iceberg: 'i',
      lambda: 'l',
      database,
    };
    await mkdir(join(folder, '.millrace'));
    await writeFile(join(folder, '.millrace', 'dev.json'), JSON.stringify(left));
    const { code, err } = await millraceProcess(['status']);
    expect(code).toBe(2);
    expect(err).toContain(`process ${gone.pid}, which wrote .millrace/dev.json, has ended`);
  });

  test('say that there are no AWS credentials, and how to name some', async () => {
    const nobody = { HOME: folder, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: '' };
    const { code, err } = await millraceProcess(
      ['pause', 'sensors', 'cleaning', '--stage', 'dev', '--region', 'eu-west-1'],
      nobody,
    );
    expect(code).toBe(2);
    expect(err).toMatch(/^there are no AWS credentials .*--profile.*npm run dev/);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('say in one line that nothing answers at an endpoint', async () => {
    const somebody = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
    const { code, err } = await millraceProcess(
      ['status', '--endpoint', 'http://127.0.0.1:9', '--region', 'eu-west-1'],
      somebody,
    );
    expect([code, err.trim()]).toEqual([
      2,
      expect.stringMatching(/^nothing answers \(.*127\.0\.0\.1:9\): .*--endpoint/),
    ]);
  });

  test.each(['status', 'tail', 'dead-letters', 'pause', 'resume', 'console', 'why', 'trace'])(
    '%s --help shows usage, options and an example',
    async (command) => {
      const { code, out } = await millrace([command, '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`usage: millrace ${command} `);
      expect(out).toContain('--stage <stage>');
      expect(out).toMatch(new RegExp(`^Examples?:\n  millrace ${command} `, 'm'));
    },
  );
});

describe('operator commands, on a running dev', () => {
  let dev: ChildProcess;
  let said = '';
  let url: string;

  beforeAll(async () => {
    dev = spawn(process.execPath, [MAIN, 'dev', 'sensors'], { cwd: folder });
    for (const stream of [dev.stdout, dev.stderr]) {
      stream?.on('data', (chunk) => {
        said += chunk;
      });
    }
    const found = await until(
      async () => {
        if (dev.exitCode !== null) throw new Error(`dev ended with ${dev.exitCode}:\n${said}`);
        return /sensors\/devices +(http:\S+)[\s\S]*Scheduled steps/.exec(said);
      },
      (match) => match !== null,
    );
    url = found?.[1] ?? '';
  });
  afterAll(async () => {
    dev.kill('SIGKILL');
    await new Promise((resolve) =>
      dev.exitCode === null && dev.signalCode === null ? dev.once('exit', resolve) : resolve(0),
    );
  });

  const reading = (sensor: string, day: number, warmest: unknown = 1.5) => ({
    sensor_id: sensor,
    date: `2026-01-${String(day).padStart(2, '0')}`,
    precipitation: 0,
    temp_max: warmest,
    temp_min: 0,
    wind: 1,
    weather: 'sun',
  });
  const post = (readings: readonly object[]) =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(readings) });

  /** The key of an object in the lake of dev. */
  async function objectBelow(prefix: string): Promise<string | undefined> {
    const { s3: endpoint } = JSON.parse(await readFile(join(folder, '.millrace', 'dev.json'), 'utf8'));
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = new S3Client({ endpoint, credentials, region: REGION, forcePathStyle: true });
    const { lake } = namesOf({ stage: 'local', account: ACCOUNT, region: REGION, partition: 'aws' });
    const { Contents: [first] = [] } = await client.send(new ListObjectsV2Command({ Bucket: lake, Prefix: prefix }));
    client.destroy();
    return first?.Key;
  }

  test('handle events, a bad event, a pause and a resumption', async () => {
    // The file of the killed dev is replaced, and no other user may read it.
    const file = join(folder, '.millrace', 'dev.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: dev.pid, pipelines: ['sensors'] });
    expect((await stat(file)).mode & 0o077).toBe(0);

    // status
    expect((await post([reading('a', 1), reading('b', 1, 'hot'), reading('a', 2)])).status).toBe(202);
    const [cleaning] = await until(
      () => rowsOf('cleaning'),
      // The command reads positions and dead letters one after the other, so one look may fall between the two.
      ([row]) => row?.position !== undefined && row.state === 'idle' && row.deadLetters > 0,
    );
    expect(cleaning).toMatchObject({ shard: 'shardId-000000000000', recordsBehind: 0, deadLetters: 1 });
    expect(cleaning?.position?.sequenceNumber).toMatch(/^\d{56}$/);
    expect(Date.parse(cleaning?.lastProgress ?? '')).toBeGreaterThanOrEqual(Date.parse(cleaning?.position?.time ?? ''));
    const readings = await until(
      () => rowsOf('readings'),
      (rows) => rows.some(({ position }) => position !== undefined),
    );
    expect(readings).toHaveLength(2);
    expect((await rowsOf('devices')).map(({ state }) => state)).toEqual(['running']);
    const { out: table } = await millraceProcess(['status']);
    expect(table).toMatch(/^dev on this machine\n/);
    expect(table).toMatch(
      /^sensors\/cleaning +0 +idle +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ …\d{8} +0 events +– +\d+ s ago +1$/m,
    );

    // tail
    const raw = linesOf<{ partitionkey: string; data: { date: string } }>(
      await millraceProcess(['tail', 'sensors', 'raw']),
    );
    expect(raw.map((event) => event.partitionkey)).toEqual(['a', 'b', 'a']);
    const some = await millrace(['tail', 'sensors', 'clean', '--from', '-15m', '--key', 'a']);
    expect(linesOf<{ data: { date: string } }>(some).map(({ data }) => data.date)).toEqual([
      '2026-01-01',
      '2026-01-02',
    ]);
    const warm = await millrace([
      'tail',
      'sensors',
      'raw',
      '--where',
      "temp_max > 1 AND date >= '2026-01-02' AND type = 'reading.sent'",
    ]);
    expect(linesOf<{ data: { date: string } }>(warm).map(({ data }) => data.date)).toEqual(['2026-01-02']);
    expect(warm).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^shardId-\d+: schema: column "temp_max" must be numeric, not "hot"\n$/),
    });
    expect(await millrace(['tail', 'sensors', 'clean', '--where', 'wind > 1 OR temp_mx = 3'])).toEqual({
      code: 2,
      out: '',
      err: '--where:1:13: there is no column "temp_mx"\n1 | wind > 1 OR temp_mx = 3\n                ^\n  hint: did you mean "temp_max"?\n',
    });
    expect((await millrace(['tail', 'sensors', 'raw', '--from', 'latest'])).out).toBe('');
    const following = spawn(process.execPath, [MAIN, 'tail', 'sensors', 'raw', '--follow'], { cwd: folder });
    let followed = '';
    following.stdout.on('data', (chunk) => {
      followed += chunk;
    });
    const code = new Promise((resolve) => following.once('exit', resolve));
    for (let day = 3; followed === ''; day++) {
      await post([reading('c', day)]);
      await delay(500);
    }
    expect(JSON.parse(followed.split('\n')[0] ?? '')).toMatchObject({ partitionkey: 'c' });
    following.kill('SIGINT');
    expect(await code).toBe(0);

    // why and trace: from a row or an object back to what the device sent, and on to the sinks
    const links = linesOf<{ id: string }>(await millrace(['why', 'sensors', 'readings', 'a', '2026-01-02', '--json']));
    expect(links).toMatchObject([
      { stream: 'sensors/clean', key: 'a', origin: 'transform', madeBy: 'sensors/cleaning', verdict: { is: 'same' } },
      { stream: 'sensors/raw', key: 'a', type: 'reading.sent', origin: 'source', madeBy: 'sensors/devices' },
    ]);
    expect(await millrace(['why', 'sensors', 'readings', 'sensor_id=nobody'])).toMatchObject({
      code: 2,
      err: "'readings' has no row with sensor_id=nobody\n",
    });
    const object = await until(
      () => objectBelow('clean/'),
      (key) => key !== undefined,
    );
    const [ofObject, ...its] = linesOf<{ key: string }>(
      await millrace(['why', 'sensors', 'lake', object ?? '', '--json']),
    );
    expect(ofObject).toMatchObject({ object, verdict: { is: 'same' } });
    expect(its.length).toBeGreaterThanOrEqual(2);
    const { out: traced } = await millrace(['trace', links[1]?.id ?? '', '--stream', 'sensors/raw']);
    expect(traced).toMatch(
      /^reading\.sent {2}key a {2}in sensors\/raw shard 0, .*\n {2}came in through sensors\/devices$/m,
    );
    expect(traced).toMatch(
      /^sensors\/cleaning {2}makes 1 event of it\n {2}\S+ {2}key a {2}in sensors\/clean shard \d/m,
    );
    expect(traced).toMatch(/^ {4}sensors\/readings {2}has taken it$/m);

    // dead letters
    const [letter] = linesOf<{ id: string; reason: string; text: string; stored: string; sequenceNumber: string }>(
      await millrace(['dead-letters', 'sensors', '--json']),
    );
    const id = letter?.id ?? '';
    expect(id).toMatch(/^sensors\/cleaning\/[0-9a-f]{10}$/);
    expect(letter?.sequenceNumber).toBe(cleaning?.position?.sequenceNumber);
    expect(Date.parse(letter?.stored ?? '')).toBeGreaterThanOrEqual(Date.parse(cleaning?.position?.time ?? '') - 1_000);
    expect((await millrace(['dead-letters', 'sensors'])).out).toMatch(
      new RegExp(
        `^sensors/cleaning +schema +1 +20\\S+ \\d\\d:\\d\\d:\\d\\dZ +${id} +column "temp_max" must be numeric, not "hot"`,
        'm',
      ),
    );
    const bytes = await millraceProcess(['dead-letters', 'show', id, '--bytes']);
    expect(JSON.parse(bytes.out)).toMatchObject({ partitionkey: 'b', data: { temp_max: 'hot' } });
    expect(bytes.out).toBe(letter?.text);
    const { out: shown } = await millrace(['dead-letters', 'show', id]);
    expect(shown).toMatch(/^reason +schema$/m);
    expect(shown).toMatch(/^shard +shardId-000000000000$/m);
    expect(shown).toContain(`\nsequence number  ${letter?.sequenceNumber}\n`);
    expect(shown).toContain(`${Buffer.byteLength(bytes.out)} bytes:\n${bytes.out}`);

    // redrive: the step still rejects the event, so it becomes another dead letter
    const withoutYes = await millraceProcess(['dead-letters', 'redrive', id]);
    expect(withoutYes).toMatchObject({
      code: 2,
      err: expect.stringContaining('standard input is not a terminal; use --yes'),
    });
    expect(withoutYes.err).toContain(
      "1 dead letter of sensors/cleaning will be appended to the end of stream 'raw', for this step only",
    );
    const none = await millrace(['dead-letters', 'redrive', 'sensors', 'cleaning', '--reason', 'transform', '--yes']);
    expect([none.code, none.out]).toEqual([
      0,
      'dev on this machine: sensors/cleaning has no such dead letters to redrive\n',
    ]);
    expect(await millrace(['dead-letters', 'redrive', 'sensors', 'devices', '--all', '--yes'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('because it is a source'),
    });
    expect(await millrace(['dead-letters', 'redrive', 'sensors', 'cleaning', '--since', '-15m', '--yes'])).toEqual({
      code: 0,
      out: '1 dead letter redriven to sensors/cleaning (dev on this machine)\n',
      err: '',
    });
    const [again] = await until(
      async () => linesOf<typeof letter>(await millrace(['dead-letters', 'sensors', '--json'])),
      (letters) => letters.length > 0 && letters[0]?.id !== id,
    );
    expect(JSON.parse(again?.text ?? '')).toMatchObject({
      partitionkey: 'b',
      redrivenfor: 'sensors/cleaning',
      source: expect.stringMatching(/^\/sensors\/cleaning\/redrive\//),
      data: { temp_max: 'hot' },
    });
    const putBack = again?.id ?? '';

    expect(await millrace(['dead-letters', 'discard', putBack])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--reason'),
    });
    const discarded = await millrace(['dead-letters', 'discard', putBack, '--reason', 'a broken sensor']);
    expect(discarded).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^1 dead letter discarded; kept below discarded\//),
    });
    expect((await millrace(['dead-letters', 'sensors', 'cleaning'])).out).toBe(
      'dev on this machine: no dead letters\n',
    );
    expect(await millrace(['dead-letters', 'show', putBack])).toMatchObject({ code: 2 });
    expect(
      await millrace(['dead-letters', 'discard', 'sensors', 'cleaning', '--all', '--reason', 'old']),
    ).toMatchObject({
      code: 0,
      out: 'dev on this machine: sensors/cleaning has no dead letters to discard\n',
    });

    // pause and resume
    const paused = await millraceProcess(['pause', 'sensors', 'cleaning']);
    expect(paused).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^sensors\/cleaning is paused; no batch is in flight \(dev on this machine\)\n/),
    });
    const [rest] = await rowsOf('cleaning');
    expect(rest).toMatchObject({ state: 'paused', recordsBehind: 0 });
    await post([reading('d', 1)]);
    const [waiting] = await until(
      () => rowsOf('cleaning'),
      ([row]) => row?.recordsBehind !== 0,
    );
    expect(waiting).toMatchObject({ state: 'paused', recordsBehind: 1, position: rest?.position });
    expect(waiting?.note).toMatch(/^resume before \d{4}-/);
    expect((await millrace(['pause', 'sensors', 'cleaning'])).out).toMatch(/^sensors\/cleaning was already paused/);
    expect((await rowsOf('cleaning'))[0]?.position).toEqual(rest?.position);
    expect((await millrace(['resume', 'sensors', 'cleaning'])).out).toBe(
      'sensors/cleaning is resumed; running functions notice within 5 s (dev on this machine)\n',
    );
    await until(
      () => rowsOf('cleaning'),
      ([row]) => row?.recordsBehind === 0 && row.state === 'idle',
    );
    const clean = linesOf<{ partitionkey: string }>(await millrace(['tail', 'sensors', 'clean']));
    expect(clean.filter((event) => event.partitionkey === 'd')).toHaveLength(1);
    expect((await millrace(['resume', 'sensors', 'cleaning'])).out).toMatch(/^sensors\/cleaning was not paused/);

    // a source that answers requests
    await millrace(['pause', 'sensors', 'devices']);
    const refused = await post([reading('e', 1)]);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60']);
    await millrace(['resume', 'sensors', 'devices']);
  });

  test.each([
    { args: ['status', 'sensor'], message: "unknown pipeline 'sensor'; did you mean 'sensors'? use one of 'sensors'" },
    {
      args: ['status', 'orders'],
      message: "pipeline 'orders' does not run here (dev on this machine); use one of 'sensors'",
    },
    {
      args: ['pause', 'sensors', 'cleanin'],
      message:
        "pipeline 'sensors' has no step 'cleanin'; did you mean 'cleaning'? use one of 'devices', 'cleaning', 'archive', 'lake', 'readings'",
    },
    {
      args: ['pause', 'sensors/cleanin'],
      message: "pipeline 'sensors' has no step 'cleanin'; did you mean 'cleaning'?",
    },
    {
      args: ['rewind', 'sensors', 'cleaning'],
      message: "unknown command 'rewind'; did you mean 'positions'? use one of",
    },
    { args: ['statsu'], message: "unknown command 'statsu'; did you mean 'status'? use one of" },
    { args: ['resume', 'sensors'], message: "missing step of pipeline 'sensors'; name one of 'devices'" },
    {
      args: ['tail', 'sensors', 'ra'],
      message: "pipeline 'sensors' has no stream 'ra'; did you mean 'raw'? use one of 'raw', 'clean'",
    },
    { args: ['tail', 'sensors', 'raw', '--from', 'noon'], message: "invalid position 'noon'; use earliest, latest, " },
    { args: ['dead-letters', 'sensors', 'x'], message: "pipeline 'sensors' has no step 'x'" },
    {
      args: ['dead-letters', 'redrive', 'sensors', 'cleaning', '--reason', 'bad'],
      message: "unknown reason 'bad'; use one of undecodable, schema,",
    },
    {
      args: ['dead-letters', 'discard', 'sensors', 'cleaning', '--reason', 'old'],
      message: 'missing ids; name ids, or a pipeline and a step with --all',
    },
    {
      args: ['dead-letters', 'show', 'sensors/cleaning/0000000000'],
      message: "there is no dead letter 'sensors/cleaning/0000000000'",
    },
    {
      args: ['dead-letters', 'redrvie', 'x'],
      message: "unknown verb 'redrvie'; did you mean redrive? see millrace dead-letters --help",
    },
    { args: ['status', 'sensors', 'x'], message: "unexpected argument 'x'; see millrace status --help" },
  ])('say in one line what is wrong with $args', async ({ args, message }) => {
    const { code, err } = await millrace(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).not.toContain('    at ');
  });

  test('use the same names on AWS, and say where positions are when a sink’s database does not answer', async () => {
    const { kinesis, dynamodb, s3, sqs } = JSON.parse(
      await readFile(join(folder, '.millrace', 'dev.json'), 'utf8'),
    ) as Record<'kinesis' | 'dynamodb' | 's3' | 'sqs', string>;
    const aws = {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_KINESIS: kinesis,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ENDPOINT_URL_SQS: sqs,
    };
    const found = await millraceProcess(
      ['status', 'sensors', '--stage', 'local', '--region', 'us-east-1', '--json'],
      aws,
    );
    expect([found.code, found.err]).toEqual([0, '']);
    const rows = linesOf<Row>(found);
    expect(rows.filter(({ step }) => step === 'readings')).toHaveLength(2);
    for (const row of rows) {
      if (row.step !== 'readings') expect(row.state).not.toBe('unknown');
      else
        expect(row).toMatchObject({
          state: 'unknown',
          note: expect.stringContaining('its positions are in a database'),
        });
    }
    const missing = await millraceProcess(['status', '--stage', 'other', '--region', 'us-east-1'], aws);
    expect(missing).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no stage 'other' in this account and region"),
    });
  });

  test('find no target after dev has ended', async () => {
    dev.kill('SIGINT');
    await until(
      async () => dev.exitCode,
      (code) => code !== null,
    );
    await expect(stat(join(folder, '.millrace', 'dev.json'))).rejects.toThrow('ENOENT');
    expect((await millraceProcess(['status'])).code).toBe(2);
  });
});
