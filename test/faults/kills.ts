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
import { orders } from '../../infra/pipelines/orders.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { type Killer, type KillsOptions, killer } from './killer.ts';

export interface Killed {
  /** How often a process was killed during an invocation, by step. */
  readonly kills: ReadonlyMap<string, number>;
  /** Checks of every event in both sinks of both pipelines against the input files. */
  readonly checks: readonly Check[];
}

/**
 * Runs two of the demo's pipelines on this machine, with real processes and servers, and kills processes of every step
 * that reads (SIGKILL) at random times during their work. The HTTP source is spared: its caller sends an unacknowledged
 * request again, which may duplicate the event.
 */
export async function killAtRandom({ kills, seed, say, signal }: KillsOptions): Promise<Killed> {
  await using running = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kills-'));
  running.defer(() => rm(folder, { recursive: true, force: true }));
  const killing = killer({ kills, seed, say, signal });
  const local = await startLocal(
    { pipelines: [orders, sensors], onLog: () => undefined, trace: killing.trace, signal },
    running,
  );
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

/** Kills processes and prints each kill, then compares every count with the input files. */
export async function killAndCompare({ kills, seed }: Pick<KillsOptions, 'kills' | 'seed'>): Promise<void> {
  console.log(`${kills} kills, seed ${seed}`);
  const signal = AbortSignal.timeout(LONGEST_MILLIS);
  const killed = await killAtRandom({ kills, seed, say: (text) => console.log(text), signal });
  const total = [...killed.kills.values()].reduce((sum, count) => sum + count, 0);
  const enough: Check = {
    what: 'processes killed during an invocation, at least',
    expected: kills,
    found: Math.min(total, kills),
  };
  const checks = [enough, ...killed.checks];
  console.log(checkReport(checks));
  if (checks.some(({ expected, found }) => expected !== found)) process.exitCode = 1;
}

/** The lease of a dead process lasts as long as the function's limit: a short one frees its shard or lane soon. */
const TIMEOUT_MILLIS = 15_000;

async function shortenTimes({ runner, stage }: Local): Promise<void> {
  for (const step of runner.steps.filter(({ delivery }) => delivery !== 'request')) {
    runner.reload({ ...functionOf(await bundleStep(step), stage), timeoutMillis: TIMEOUT_MILLIS });
  }
}

/** Ends a run that hangs. A run takes a minute, and several on a busy machine. */
const LONGEST_MILLIS = 60 * 60_000;

/** More files than the kills take time for. After the last kill the remaining files are dropped at once. */
const PARTS = 200;
const BETWEEN_PARTS_MILLIS = 500;

/** Sends the orders as many files and the readings as many requests, until all processes are killed. */
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

/** Runs the scheduled steps often: every five minutes would give too few chances to kill them. */
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
