import { type FSWatcher, watch } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { whyOf } from '../emulator/why.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { REPOSITORY } from '../repository.ts';
import { announceDev, DEV_FILE } from './dev-file.ts';
import { prefixOf, watchFolder } from './endpoints/landing.ts';
import { bundleStep, functionOf } from './functions.ts';
import { isScheduled, nameOf } from './runner.ts';
import type { Ports } from './servers/servers.ts';
import { type Local, startLocal } from './start.ts';

export interface DevOptions {
  readonly pipelines: readonly Pipeline[];
  /** The folder that stands for the landing bucket. */
  readonly landing: string;
  readonly ports: Ports & { readonly http?: number };
  /** Every poll, batch, invocation and checkpoint too, as JSON lines. */
  readonly trace: boolean;
}

/** A scheduled step need not wait for minutes on a laptop. */
const SCHEDULED_EVERY_MILLIS = 10_000;

/** Runs pipelines until the signal aborts, and ends everything that it started. */
export async function runDev(options: DevOptions, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { pipelines, ports, landing } = options;
  await using running = new AsyncDisposableStack();
  say('Starting Kinesis, DynamoDB, S3, SQS and Postgres on this machine, and bundling the functions …');
  const local = await startLocal(
    {
      pipelines,
      ports,
      onLog: (name, line) => say(`${name}: ${line}`),
      trace: (step) => (entry) => {
        const line = options.trace ? JSON.stringify({ step: nameOf(step), ...entry }) : whyOf(nameOf(step), entry);
        if (line !== undefined) say(line);
      },
      signal,
    },
    running,
  );
  const folder = resolve(landing);
  const prefixes = prefixesOf(local);
  await watchFolder(folder, local.runner.landing, {
    signal,
    landed: (key, readers) =>
      say(readers.length > 0 ? `landed ${key}` : `landed ${key}, which nothing reads${prefixes}`),
    failed: (key, error) => say(`could not land ${key}: ${String(error)}`),
  });
  reloadOnChange(local, say, signal);
  const { servers, stage, plans } = local;
  const announced = await announceDev(
    {
      pid: process.pid,
      pipelines: plans.map(({ name }) => name),
      database: stage.places.database,
      kinesis: servers.kinesis,
      dynamodb: servers.dynamodb,
      s3: servers.s3,
      sqs: servers.sqs,
      lambda: local.runner.invokeUrl,
    },
    running,
  );
  say(welcome(local, folder));
  if (!announced) say(`Another dev runs in this folder: millrace status and its like show that one (${DEV_FILE}).`);
  await Promise.all([runSchedules(local, signal), tellCounts(local, say, signal)]).catch((error) => {
    if (!signal.aborted) throw error;
  });
  say('Stopping …');
}

function welcome({ servers, stage, runner, plans }: Local, folder: string): string {
  const { host, port, name, user, password } = stage.places.database;
  return [
    `Running ${plans.map((plan) => plan.name).join(' and ')}. Ctrl-C ends it.`,
    '',
    `  landing folder   ${relative(process.cwd(), folder) || '.'}/   (files dropped here land in the bucket${prefixesOf({ runner })})`,
    ...[...runner.urls].map(([step, url]) => `  ${step.padEnd(16)} ${url}   (POST events here)`),
    `  Postgres         postgresql://${user}:${password}@${host}:${port}/${name}`,
    `  Kinesis          ${servers.kinesis}`,
    `  DynamoDB         ${servers.dynamodb}`,
    `  S3 and SQS       ${servers.s3}   (lake: ${stage.names.lake})`,
    '',
    'In another terminal: npx millrace status, tail, dead-letters, pause, resume, positions, replay.',
    `Scheduled steps run every ${SCHEDULED_EVERY_MILLIS / 1000} s here. A changed file under functions/ is reloaded.`,
  ].join('\n');
}

/** `: orders/exports reads orders/`, where there are sources of files. */
function prefixesOf({ runner }: Pick<Local, 'runner'>): string {
  const readers = runner.steps.filter((step) => step.delivery === 'queue');
  if (readers.length === 0) return '';
  return `: ${readers.map((step) => `${nameOf(step)} reads ${prefixOf(step.options) || 'all of it'}`).join(', ')}`;
}

async function runSchedules({ runner }: Local, signal: AbortSignal): Promise<never> {
  const scheduled = runner.steps.filter(isScheduled);
  for (;;) {
    await delay(SCHEDULED_EVERY_MILLIS, undefined, { signal });
    await Promise.all(scheduled.map((step) => runner.runNow(step)));
  }
}

const TELL_EVERY_MILLIS = 2_000;

/** A line for each step whose counts have changed. */
async function tellCounts({ runner, counts }: Local, say: (text: string) => void, signal: AbortSignal): Promise<never> {
  const told = new Map<string, string>();
  for (;;) {
    await delay(TELL_EVERY_MILLIS, undefined, { signal });
    for (const name of runner.steps.map(nameOf)) {
      const { eventsIn, eventsOut, rejected } = counts.of(name);
      const line = `${name}: ${eventsIn} in, ${eventsOut} out${rejected > 0 ? `, ${rejected} dead letters` : ''}`;
      if (eventsIn > 0 && told.get(name) !== line) say(line);
      told.set(name, line);
    }
  }
}

/** An editor saves in several steps: one look at the end of them. */
const QUIET_MILLIS = 200;

function reloadOnChange(local: Local, say: (text: string) => void, signal: AbortSignal): void {
  const loaded = new Map(local.functions.map(({ name, bundlePath }) => [name, bundlePath]));
  let timer: NodeJS.Timeout | undefined;
  const reload = async (): Promise<void> => {
    for (const step of local.runner.steps) {
      try {
        const definition = functionOf(await bundleStep(step), local.stage);
        const { name, bundlePath } = definition;
        if (loaded.get(name) === bundlePath) continue;
        local.runner.reload(definition);
        loaded.set(name, bundlePath);
        say(`reloaded ${nameOf(step)}`);
      } catch (error) {
        say(error instanceof UserMistake ? `not reloaded: ${error.message}` : String(error));
      }
    }
  };
  const change = async (): Promise<void> => {
    // Of a file that an editor has replaced, a watcher sees nothing more: there is a new one before anything is read.
    look();
    await compileSql(say);
    await reload();
  };
  // One after the other: a change that comes in the middle of the one before is not overtaken by it.
  let changes = Promise.resolve();
  let watcher: FSWatcher | undefined;
  const look = (): void => {
    watcher?.close();
    watcher = watch(resolve(REPOSITORY, 'functions'), { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        changes = changes.then(change).catch((error) => say(String(error)));
      }, QUIET_MILLIS);
    });
    watcher.on('error', (error) => say(`changes of functions/ are not seen any more: ${error.message}`));
  };
  look();
  signal.addEventListener('abort', () => watcher?.close(), { once: true });
}

/** What is written beside a `.sql` file is bundled then, as any other module. */
async function compileSql(say: (text: string) => void): Promise<void> {
  const { compileTransforms } = await import('../sql/compile-files.ts');
  try {
    for (const { file, state } of await compileTransforms({ check: false }))
      if (state === 'written') say(`compiled ${relative(REPOSITORY, file)}`);
  } catch (error) {
    say(`not compiled: ${error instanceof Error ? error.message : String(error)}`);
  }
}
