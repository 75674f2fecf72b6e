import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Check } from '../../infra/local/demo/checks.ts';
import { ordersFile, weatherFile } from '../../infra/local/demo/data.ts';
import { type Sent, sendReadings } from '../../infra/local/demo/devices.ts';
import { reconcileDeadLetters, reconcileOrders, reconcileSensors } from '../../infra/local/demo/reconcile.ts';
import { checkReport } from '../../infra/local/demo/report.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { bundleStep, functionOf } from '../../infra/local/functions.ts';
import { isScheduled } from '../../infra/local/runner.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import { pipelines } from '../../infra/pipelines/all.ts';
import { type Killer, type KillsOptions, killer } from './killer.ts';

export interface Killed {
  /** How often a process was killed while an invocation was under way in it, by step. */
  readonly kills: ReadonlyMap<string, number>;
  /** Every event of both sinks of both pipelines, against the input files. */
  readonly checks: readonly Check[];
}

/**
 * The demo's pipelines on this machine, real processes and servers, while processes of every step that reads are ended
 * by SIGKILL at random, in the middle of their work. Not those of the source that answers requests: there, whoever asks
 * sends again what was not accepted, and may have it twice.
 */
export async function killAtRandom({ kills, seed, say, signal }: KillsOptions): Promise<Killed> {
  await using running = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kills-'));
  running.defer(() => rm(folder, { recursive: true, force: true }));
  const killing = killer({ kills, seed, say, signal });
  const local = await startLocal({ pipelines, onLog: () => undefined, trace: killing.trace, signal }, running);
  await shortenTimes(local);
  killing.begin(local.runner);
  const ended = new AbortController();
  const runs = runSchedulesOften(local, ended.signal);
  try {
    const sent = await flow(local, { folder, killing }, signal);
    ended.abort();
    await runs;
    await everythingDone(local, signal);
    return { kills: killing.count(), checks: await compare(local, sent) };
  } finally {
    ended.abort();
  }
}

/** On a terminal: what is killed, and then every count against the input files. */
export async function killAndCompare({ kills, seed }: Pick<KillsOptions, 'kills' | 'seed'>): Promise<void> {
  console.log(`${kills} kills, seed ${seed}`);
  const signal = AbortSignal.timeout(LONGEST_MILLIS);
  const killed = await killAtRandom({ kills, seed, say: (text) => console.log(text), signal });
  const total = [...killed.kills.values()].reduce((sum, count) => sum + count, 0);
  const enough: Check = { what: 'processes killed at work, at least', expected: kills, found: Math.min(total, kills) };
  const checks = [enough, ...killed.checks];
  console.log(checkReport(checks));
  if (checks.some(({ expected, found }) => expected !== found)) process.exitCode = 1;
}

/** Less than the time of a dead process's lease need not pass before its shard or lane is free. */
const TIMEOUT_MILLIS = 15_000;

async function shortenTimes({ runner, stage }: Local): Promise<void> {
  for (const step of runner.steps.filter(({ delivery }) => delivery !== 'request')) {
    runner.reload({ ...functionOf(await bundleStep(step), stage), timeoutMillis: TIMEOUT_MILLIS });
  }
}

/** It takes a minute, and several on a machine that is busy. */
const LONGEST_MILLIS = 10 * 60_000;

/** More than are needed, at the pace of the kills: when those are over, the rest comes at once. */
const PARTS = 200;
const BETWEEN_PARTS_MILLIS = 500;

/** The orders come as many files, the readings as many requests, for as long as processes are to be killed. */
async function flow(
  local: Local,
  given: { readonly folder: string; readonly killing: Killer },
  signal: AbortSignal,
): Promise<Sent> {
  const url = local.runner.urls.get('sensors/devices') ?? '';
  const [sent] = await Promise.all([sendReadings(url, weatherFile()), dropOrders(local, given, signal)]);
  given.killing.stop();
  return sent;
}

async function dropOrders(
  { runner }: Local,
  { folder, killing }: { readonly folder: string; readonly killing: Killer },
  signal: AbortSignal,
): Promise<void> {
  const files = runner.steps.filter(({ delivery }) => delivery === 'queue');
  for (const [index, content] of (await partsOf(ordersFile())).entries()) {
    const path = join(folder, `part-${index}.csv`);
    await writeFile(path, content);
    await runner.landing.put(path, `orders/part-${index}.csv`);
    files.forEach(killing.consider);
    await Promise.race([killing.done, delay(BETWEEN_PARTS_MILLIS, undefined, { signal })]);
  }
}

async function partsOf(file: string): Promise<readonly string[]> {
  const [header = '', ...lines] = (await readFile(file, 'latin1')).trimEnd().split(/\r?\n/);
  const size = Math.ceil(lines.length / PARTS);
  return Array.from({ length: PARTS }, (_, part) =>
    [header, ...lines.slice(part * size, (part + 1) * size)].join('\n'),
  );
}

/** Every five minutes would be too seldom to be killed in. */
async function runSchedulesOften({ runner }: Local, signal: AbortSignal): Promise<void> {
  const steps = runner.steps.filter(isScheduled);
  while (!signal.aborted) {
    for (const step of steps) void runner.runNow(step).catch(() => undefined);
    await delay(1_500, undefined, { signal }).catch(() => undefined);
  }
}

async function compare({ stage }: Local, sent: Sent): Promise<readonly Check[]> {
  const { host, port, name, user, password } = stage.resources.database;
  const database = new pg.Client({ host, port, database: name, user, password });
  await database.connect();
  try {
    return [
      ...(await reconcileOrders(stage, database)),
      ...(await reconcileSensors(stage, database, sent)),
      ...(await reconcileDeadLetters(stage, sent)),
    ];
  } finally {
    await database.end();
  }
}
