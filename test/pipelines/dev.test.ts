import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LiveSteps } from '../../infra/console/answers.ts';
import { isAlive } from '../../infra/is-alive.ts';
import { ordersFile } from '../../infra/local/demo/data.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { eventually } from '../eventually.ts';
import { listeningSockets } from './listening-sockets.ts';

describe('dev', () => {
  let folder: string;
  let dev: ChildProcess;
  let output = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-dev-'));
    output = '';
  });
  afterEach(async () => {
    dev.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  function start(...args: string[]): void {
    dev = spawn(process.execPath, ['infra/cli/main.ts', 'dev', '--landing', folder, ...args], { cwd: REPOSITORY });
    for (const stream of [dev.stdout, dev.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    }
  }

  /** Waits until dev prints a match. Throws when dev ends before that. */
  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(output);
      if (found !== null) return found;
      if (dev.exitCode !== null)
        throw new Error(`dev ended with ${dev.exitCode} before it printed ${pattern}:\n${output}`);
      await delay(50);
    }
  }

  const ended = () =>
    new Promise<number | null>((resolve) => {
      if (dev.exitCode !== null) resolve(dev.exitCode);
      else dev.once('exit', resolve);
    });

  /** Lists the processes that dev has started, and theirs. The bundler's process ends by itself shortly after dev. */
  function descendants(): number[] {
    const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid=']).toString().trim().split('\n');
    const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
    const of = (parent: number): number[] =>
      pairs.filter(([, ppid]) => ppid === parent).flatMap(([pid]) => [pid, ...of(pid)]);
    return of(dev.pid ?? 0);
  }
  const alive = (pids: readonly number[]) => pids.filter(isAlive);

  test('takes files and events until Ctrl-C, listens on 127.0.0.1 only, and leaves nothing running', async () => {
    start('orders', 'sensors');
    const [, database] = await printed(/(postgresql:\S+)/);
    const [, url = ''] = await printed(/sensors\/devices +(http:\S+)/);
    expect(output).toContain('Nothing is kept when dev ends.');
    await mkdir(join(folder, 'orders'));
    await copyFile(ordersFile(), join(folder, 'orders', 'superstore.csv'));
    await printed(/landed orders\/superstore\.csv\n/);
    await writeFile(join(folder, 'order.csv'), 'misplaced');
    await printed(/landed order\.csv, which no source reads: orders\/exports reads orders\//);
    const reading = {
      sensor_id: 'a',
      date: '2026-01-01',
      precipitation: 0,
      temp_max: 1.5,
      temp_min: 0,
      wind: 1,
      weather: 'sun',
    };
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(reading),
    });
    expect([reply.status, await reply.json()]).toEqual([202, { accepted: 1 }]);
    await printed(/sensors\/readings: 1 in, 1 out/);
    await printed(/orders\/completed_orders: 9994 in, 9994 out/);
    await printed(/sensors\/lake: 1 in, 1 out/);
    const client = new pg.Client(database);
    await client.connect();
    const { rows } = await client.query('SELECT sensor_id, temp_max FROM readings');
    await client.end();
    // Postgres sends an exact number as text.
    expect(rows).toEqual([{ sensor_id: 'a', temp_max: '1.5' }]);
    const [, consoleUrl = ''] = await printed(/console +(http:\S+)/);
    await eventually(async () => expect(await shownSteps(consoleUrl)).toContain('sensors/readings idle'));
    const started = descendants();
    expect(started.length).toBeGreaterThan(3);
    if (process.platform === 'linux') {
      const listening = await listeningSockets([dev.pid ?? 0, ...started]);
      // Kinesis, DynamoDB, S3 and SQS, Postgres, the invoke endpoint, the HTTP source and the console.
      expect(listening.length, listening.join(' ')).toBeGreaterThanOrEqual(7);
      expect(listening.filter((address) => !address.startsWith('127.0.0.1:'))).toEqual([]);
    }
    dev.kill('SIGINT');
    expect(await ended(), output).toBe(0);
    await eventually(() => expect(alive(started)).toEqual([]));
    expect(withoutSlowCalls(output)).not.toMatch(/Error|error/);
  });

  test('ends what it has started when Ctrl-C arrives half-way through the start', async () => {
    start('sensors');
    await printed(/Starting/);
    await eventually(() => expect(descendants().length).toBeGreaterThan(0));
    const started = descendants();
    dev.kill('SIGINT');
    expect(await ended(), output).toBe(130);
    await eventually(() => expect(alive(started)).toEqual([]));
  });

  test.each([
    {
      args: ['oders'],
      message: "unknown pipeline 'oders'; did you mean 'orders'? use one of 'orders', 'sensors', 'shop', 'customers'",
    },
    { args: ['--http-port', '99999'], message: "invalid --http-port '99999'; use a whole number from 1 to 65535" },
    { args: ['--nonsense'], message: "unknown option '--nonsense'; see millrace dev --help" },
  ])('says in one line what is wrong with $args', async ({ args, message }) => {
    start(...args);
    expect(await ended()).toBe(2);
    expect(output).toContain(message);
    expect(output).not.toContain('    at ');
  });
});

/** Opens a console as a browser does, and reads what it first knows of the steps: `sensors/readings idle`. */
async function shownSteps(consoleUrl: string): Promise<readonly string[]> {
  const cookie = (await fetch(consoleUrl, { redirect: 'manual' })).headers.get('set-cookie')?.split(';')[0] ?? '';
  const leave = new AbortController();
  const live = await fetch(new URL('/api/live/steps', consoleUrl), { headers: { cookie }, signal: leave.signal });
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of live.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes('"step":"readings","state"')) break;
  }
  leave.abort();
  const messages = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as LiveSteps);
  return messages.flatMap(({ steps }) => steps.map(({ pipeline, step, state }) => `${pipeline}/${step} ${state}`));
}

/** Leaves out the calls that a loaded machine answered too late: the step reports each and makes it again. */
function withoutSlowCalls(output: string): string {
  return output.replaceAll(/^.*AbortError: Request aborted.*$/gm, '');
}
