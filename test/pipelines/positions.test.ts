import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesOf, type RunningDevProcess, startDevProcess, until } from './running-dev.ts';

interface Row {
  readonly step: string;
  readonly state: string;
  readonly recordsBehind?: number;
  readonly position?: object;
}

const reading = (sensor: string, day: number, warmest: number) => ({
  sensor_id: sensor,
  date: `2026-01-${String(day).padStart(2, '0')}`,
  precipitation: 0,
  temp_max: warmest,
  temp_min: 0,
  wind: 1,
  weather: 'sun',
});

/** Days on which each of two sensors sends a reading. */
const DAYS = [1, 2, 3, 4, 5];

describe('positions and replay, on a running dev', () => {
  let dev: RunningDevProcess;
  let database: pg.Client;

  const post = (readings: readonly object[]) =>
    fetch(dev.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(readings),
    });
  const idle = (...steps: readonly string[]) =>
    until(
      async () => linesOf<Row>(await dev.millrace('status', 'sensors', '--json')),
      (rows) => {
        const own = rows.filter(({ step }) => steps.includes(step));
        return own.every(({ state }) => state === 'idle') && own.some(({ position }) => position !== undefined);
      },
    );
  const count = async (table: string, where = 'true'): Promise<number> => {
    const { rows } = await database.query<{ count: string }>(`SELECT count(*) FROM ${table} WHERE ${where}`);
    return Number(rows[0]?.count);
  };
  const cleanEvents = async (): Promise<number> => linesOf(await dev.millrace('tail', 'sensors', 'clean')).length;

  beforeAll(async () => {
    dev = await startDevProcess('sensors');
    const { name, ...login } = dev.database;
    database = new pg.Client({ ...login, database: name });
    await database.connect();
    for (const day of DAYS) expect((await post([reading('a', day, 1.5), reading('b', day, 2.5)])).status).toBe(202);
    await until(
      () => count('readings').catch(() => 0),
      (rows) => rows === 2 * DAYS.length,
    );
    await idle('cleaning', 'readings');
  });
  afterAll(async () => {
    await database?.end();
    await dev?.[Symbol.asyncDispose]();
  });

  test('show the positions of a step, as a table and as lines of JSON', async () => {
    const { out } = await dev.millrace('positions', 'sensors', 'readings');
    expect(out).toMatch(/^dev on this machine\n\nshard +position +state\n/);
    expect(out).toMatch(/^ +1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ …\d{8} +reading$/m);
    const lines = linesOf<{ shard: string; position: object; state: string }>(
      await dev.millrace('positions', 'sensors', 'readings', '--json'),
    );
    expect(lines.map(({ shard, state }) => [shard, state])).toEqual([
      ['shardId-000000000000', 'reading'],
      ['shardId-000000000001', 'reading'],
    ]);
    expect(lines[0]?.position).toEqual({ sequenceNumber: expect.stringMatching(/^\d{56}$/), time: expect.any(String) });
  });

  test('move a table sink back, which repairs its rows, and continue a move that was interrupted', async () => {
    await database.query('UPDATE readings SET temp_max = 99');
    const withoutYes = await dev.millrace('positions', 'sensors', 'readings', '--to', 'earliest');
    expect(withoutYes).toMatchObject({
      code: 2,
      out: expect.stringMatching(/^ +0 .+Z …\d{8} +\d{4}-.+Z …\d{8} +replays \d+ events? \(in \d+ records?\)$/m),
      err: expect.stringContaining(
        'sensors/readings replays 10 events. Move it?\nstandard input is not a terminal; use --yes',
      ),
    });
    expect(await count('readings', 'temp_max = 99')).toBe(10);

    await dev.millrace('pause', 'sensors', 'readings');
    const paused = await dev.millrace('positions', 'sensors', 'readings', '--to', '-15m', '--yes');
    expect(paused).toMatchObject({ code: 1, err: expect.stringContaining('sensors/readings is paused') });
    expect(await count('readings', 'temp_max = 99')).toBe(10);
    expect(await dev.millrace('resume', 'sensors', 'readings')).toMatchObject({
      code: 0,
      out: expect.stringContaining('to continue it: millrace positions sensors readings --to -15m\n'),
    });
    const resumed = await dev.millrace('positions', 'sensors', 'readings', '--to', '-15m', '--yes');
    expect(resumed).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^sensors\/readings was moved to -15m and has caught up; \d+ events processed/),
      err: expect.stringContaining('continuing the move that was requested at'),
    });
    expect(await dev.millrace('positions', 'sensors', 'readings', '--to', '-15m')).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^sensors\/readings was already moved to -15m at 20\S+Z and has caught up; this moves it again/,
      ),
    });
    expect(await count('readings', 'temp_max = 99')).toBe(0);
    expect(await count('readings')).toBe(10);

    await post([reading('a', 6, 1.5)]);
    await until(
      () => count('readings'),
      (rows) => rows === 11,
    );
    expect(await dev.millrace('positions', 'sensors', 'readings', '--to', 'latest', '--yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('nothing to move'),
    });
    const again = await dev.millrace('positions', 'sensors', 'readings', '--to', 'latest', '--yes', '--json');
    expect(linesOf(again).at(-1)).toEqual({ step: 'sensors/readings', done: true, events: 0 });
  });

  test('move a transform only with --yes-double when sinks after it would get duplicates', async () => {
    const before = await cleanEvents();
    const refused = await dev.millrace('positions', 'sensors', 'cleaning', '--to', 'earliest', '--yes');
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/would create duplicates in sensors\/lake; use --yes-double/),
    });
    expect(await cleanEvents()).toBe(before);
    const moved = await dev.millrace(
      ...['positions', 'sensors', 'cleaning', '--to', 'earliest', '--yes', '--yes-double', '--json'],
    );
    expect(moved.code).toBe(0);
    const lines = linesOf<object>(moved);
    expect(lines[0]).toMatchObject({ does: 'replays', events: before, from: { time: expect.any(String) } });
    expect(lines.at(-1)).toEqual({ step: 'sensors/cleaning', done: true, events: before });
    expect(await cleanEvents()).toBe(2 * before);
    await idle('readings');
    expect(await count('readings')).toBe(11);
  });

  test('replay a range into a new table or prefix, and into no other', async () => {
    const events = await cleanEvents();
    const lake = await dev.millrace('positions', 'sensors', 'lake', '--to', 'earliest', '--yes');
    expect(lake).toMatchObject({
      code: 2,
      err: expect.stringContaining('so replaying would duplicate events; use --into <prefix> with a new prefix'),
    });
    const into = await dev.millrace('positions', 'sensors', 'lake', '--to', 'earliest', '--into', 'again');
    expect(into).toMatchObject({
      code: 0,
      out: `${events} events from earliest to latest replayed into the lake below replays/clean/again/; the position of sensors/lake is unchanged (dev on this machine)\n`,
    });
    const replay = ['replay', 'sensors', '--step', 'readings', '--from', '-15m', '--into'];
    expect(await dev.millrace(...replay, 'readings_again')).toMatchObject({
      code: 0,
      out: expect.stringContaining('replayed into table readings_again; the position of sensors/readings is unchanged'),
    });
    expect(await count('readings_again')).toBe(11);
    const lines = linesOf(await dev.millrace(...replay, 'readings_twice', '--json'));
    expect(lines).toEqual([{ step: 'sensors/readings', table: 'readings_twice', done: true, events }]);
    expect(await dev.millrace(...replay, 'readings')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/'readings' is where step '\S+' itself writes/),
    });
    expect(await dev.millrace(...replay, 'readings_again')).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^the replay requested at 20\S+Z has already filled 'readings_again'; use a new table or prefix/,
      ),
    });
  });

  test.each([
    {
      args: ['positions', 'sensors', 'devices'],
      message: "'devices' is a source: it reads no stream, so it has no position",
    },
    {
      args: ['positions', 'sensors', 'x'],
      message: "pipeline 'sensors' has no step 'x'; use one of 'devices', 'cleaning'",
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', 'noon'],
      message: "invalid position 'noon'; use earliest, latest, a time",
    },
    { args: ['positions', 'sensors', 'readings', '--to', '2099-01-01'], message: 'is in the future; use latest' },
    {
      args: ['positions', 'sensors', 'readings', '--to', '2020-01-01'],
      message:
        /is before the retention of stream \S+, 24 hours; use earliest \(its first record arrived at 20\d\d-.*Z\)/,
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', '1234567890123'],
      message: 'a sequence number identifies a record in one shard: add --shard with one of shardId-',
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', '1234567890123', '--shard', '0'],
      message:
        /^record 1234567890123 of shardId-000000000000 has expired; use earliest \(record \d{56}, which arrived at 20/,
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', '9'.repeat(56), '--shard', '0'],
      message: 'shardId-000000000000 has no record 9999',
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', '1234567', '--shard', '0'],
      message: 'or a whole sequence number (--json prints them)',
    },
    {
      args: ['positions', 'sensors', 'readings', '--to', 'earliest', '--shard', '7'],
      message: 'has no shard shardId-000000000007; use one of shardId-000000000000, shardId-000000000001',
    },
    {
      args: ['replay', 'sensors', '--step', 'cleaning', '--from', 'earliest', '--into', 'x'],
      message: 'sensors/cleaning is a transform, which writes to a stream',
    },
    { args: ['replay', 'sensors', '--step', 'readings', '--from', 'earliest'], message: '--into <table|prefix|url>' },
    {
      args: ['replay', 'sensors', '--step', 'readings', '--from', '-5m', '--to', '-10m', '--into', 'x'],
      message: 'the range from -5m to -10m is empty: its end must be after its start',
    },
  ])('say in one line what is wrong with $args', async ({ args, message }) => {
    const { code, err } = await dev.millrace(...args);
    expect([code, err.trim().split('\n')]).toEqual([
      2,
      [typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message)],
    ]);
  });

  test.each(['positions', 'replay'])('%s --help shows usage and options', async (command) => {
    const { code, out } = await dev.millrace(command, '--help');
    expect(code).toBe(0);
    expect(out).toContain(`usage: millrace ${command} <pipeline>`);
    expect(out).toContain('--into <destination>');
  });
});
