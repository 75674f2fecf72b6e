import { type FSWatcher, watch } from 'node:fs';
import { relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { SinkName } from '../connectors.ts';
import { whyOf } from '../emulator/why.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import type { PipelinePlan } from '../pipelines/plan.ts';
import { REPOSITORY } from '../repository.ts';
import { CRM_TABLE } from './crm/crm-table.ts';
import { followsCrm, startCrm } from './crm/run-crm.ts';
import { announceDev, DEV_FILE } from './dev-file.ts';
import { prefixOf, watchFolder } from './endpoints/landing.ts';
import { bundleStep, functionOf } from './functions.ts';
import { ownConsole } from './own-console.ts';
import { readPulled } from './read-pulled.ts';
import { printOnce } from './repeated-lines.ts';
import { isScheduled, nameOf } from './runner.ts';
import type { Ports } from './servers/servers.ts';
import { type Local, startLocal } from './start.ts';

export interface DevOptions {
  readonly pipelines: readonly Pipeline[];
  /** The folder that stands for the landing bucket. */
  readonly landing: string;
  readonly ports: Ports & { readonly http?: number; readonly console?: number };
  /** Pages of the console may change things. */
  readonly write: boolean;
  /** Print every poll, batch, invocation and checkpoint too, as lines of JSON. */
  readonly trace: boolean;
}

/** On a laptop, scheduled steps run more often than their schedules say. */
const SCHEDULED_EVERY_MILLIS = 10_000;

/** Runs pipelines until the signal aborts, and then stops everything that it started. */
export async function runDev(options: DevOptions, print: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { pipelines, ports, landing } = options;
  const printFailure = printOnce(print);
  await using running = new AsyncDisposableStack();
  print('Starting Kinesis, DynamoDB, S3, SQS and Postgres on this machine, and bundling the functions …');
  const local = await startLocal(
    {
      pipelines,
      ports,
      onLog: (name, line) => printFailure(`${name}: ${line}`),
      onNotice: print,
      trace: (step) => (entry) => {
        if (options.trace) return print(JSON.stringify({ step: nameOf(step), ...entry }));
        const line = whyOf(nameOf(step), entry);
        // What Ctrl-C cuts off has not failed.
        if (line !== undefined && !signal.aborted) printFailure(line);
      },
      signal,
    },
    running,
  );
  const changeCrm = local.runner.steps.some(followsCrm) ? await startCrm(local.stage) : undefined;
  const folder = resolve(landing);
  const prefixes = prefixesOf(local);
  await watchFolder(folder, local.runner.landing, {
    signal,
    landed: (key, readers) =>
      print(readers.length > 0 ? `landed ${key}` : `landed ${key}, which no source reads${prefixes}`),
    failed: (key, error) => print(`could not land ${key}: ${String(error)}`),
  });
  reloadOnChange(local, print, signal);
  const { servers, stage, plans } = local;
  const announced = await announceDev(
    {
      pid: process.pid,
      pipelines: plans.map(({ name }) => name),
      database: stage.resources.database,
      kinesis: servers.kinesis,
      dynamodb: servers.dynamodb,
      s3: servers.s3,
      sqs: servers.sqs,
      iceberg: stage.resources.iceberg.endpoint,
      lambda: local.runner.invokeUrl,
    },
    running,
  );
  const consoleUrl = await ownConsole(local, pipelines, {
    port: ports.console ?? 0,
    running,
    writes: options.write,
    note: (said) => print(`console: ${said}`),
  });
  print(welcome(local, { folder, consoleUrl }));
  if (!announced)
    print(
      `Another dev already runs in this folder (${DEV_FILE}): millrace status and the other commands use that one.`,
    );
  await Promise.all([
    runSchedules(local, signal),
    readPulled(local.runner, { everyMillis: SCHEDULED_EVERY_MILLIS, signal }),
    printCounts(local, print, signal),
    changeCrm?.(signal),
  ]).catch((error) => {
    if (!signal.aborted) throw error;
  });
  print('Stopping …');
}

function welcome(
  { servers, stage, runner, plans }: Local,
  { folder, consoleUrl }: { readonly folder: string; readonly consoleUrl: string },
): string {
  const { host, port, name, user, password } = stage.resources.database;
  return [
    `Running ${plans.map((plan) => plan.name).join(', ')}. Press Ctrl-C to stop.`,
    '',
    `  console          ${consoleUrl}`,
    `  landing folder   ${relative(process.cwd(), folder) || '.'}/   (files put here land in the bucket${prefixesOf({ runner })})`,
    ...[...runner.urls].map(([step, url]) => `  ${step.padEnd(16)} ${url}   (POST events here)`),
    `  Postgres         postgresql://${user}:${password}@${host}:${port}/${name}`,
    ...runner.steps
      .filter(followsCrm)
      .map(
        (step) => `                   (${nameOf(step)} follows ${CRM_TABLE}, a table that changes each second here)`,
      ),
    `  Kinesis          ${servers.kinesis}`,
    `  DynamoDB         ${servers.dynamodb}`,
    `  S3 and SQS       ${servers.s3}   (lake: ${stage.names.lake})`,
    ...(has(plans, 'webhook')
      ? [`  webhooks         ${servers.webhooks.endpoint}   (requests to other machines end here: GET shows them)`]
      : []),
    ...(has(plans, 'opensearch')
      ? [`  OpenSearch       ${servers.search.endpoint}   (keeps documents for sinks; GET /<index>/_search shows them)`]
      : []),
    ...(has(plans, 'iceberg')
      ? [
          `  Iceberg          ${stage.resources.iceberg.endpoint}   (a REST catalogue; the tables' files are in the lake)`,
        ]
      : []),
    '',
    'In another terminal: npx millrace status, tail, query, why, dead-letters, pause, positions; --help lists all.',
    'Nothing is kept when dev ends. Files that are in the landing folder land again at the next start.',
    `Scheduled steps run every ${SCHEDULED_EVERY_MILLIS / 1000} s here. Changes under functions/ are reloaded.`,
  ].join('\n');
}

function has(plans: readonly PipelinePlan[], connector: SinkName): boolean {
  return plans.some(({ steps }) => steps.some((step) => step.kind === 'sink' && step.connector === connector));
}

/** Lists which source reads which prefix: `: orders/exports reads orders/`. Empty without sources of files. */
function prefixesOf({ runner }: Pick<Local, 'runner'>): string {
  const readers = runner.steps.filter((step) => step.delivery === 'queue');
  if (readers.length === 0) return '';
  return `: ${readers.map((step) => `${nameOf(step)} reads ${prefixOf(step.options) || 'all files'}`).join(', ')}`;
}

async function runSchedules({ runner }: Local, signal: AbortSignal): Promise<never> {
  const scheduled = runner.steps.filter(isScheduled);
  for (;;) {
    await delay(SCHEDULED_EVERY_MILLIS, undefined, { signal });
    await Promise.all(scheduled.map((step) => runner.runNow(step)));
  }
}

const PRINT_EVERY_MILLIS = 2_000;

/** Prints a line for each step whose counts have changed. */
async function printCounts(
  { runner, counts }: Local,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<never> {
  const printed = new Map<string, string>();
  for (;;) {
    await delay(PRINT_EVERY_MILLIS, undefined, { signal });
    for (const name of runner.steps.map(nameOf)) {
      const { eventsIn, eventsOut, rejected } = counts.of(name);
      const line = `${name}: ${eventsIn} in, ${eventsOut} out${rejected > 0 ? `, ${rejected} dead letter${rejected === 1 ? '' : 's'}` : ''}`;
      if (eventsIn > 0 && printed.get(name) !== line) print(line);
      printed.set(name, line);
    }
  }
}

/** An editor saves in several steps, so a change is handled when the files have been quiet for this long. */
const QUIET_MILLIS = 200;

function reloadOnChange(local: Local, print: (text: string) => void, signal: AbortSignal): void {
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
        print(`reloaded ${nameOf(step)}`);
      } catch (error) {
        print(error instanceof UserMistake ? `not reloaded: ${error.message}` : String(error));
      }
    }
  };
  const change = async (): Promise<void> => {
    // A watcher misses later changes of a file that an editor replaces, so a new one starts before the files are read.
    startWatcher();
    await compileSql(print);
    await reload();
  };
  // Changes are handled one after the other, in the order in which they came.
  let changes = Promise.resolve();
  let watcher: FSWatcher | undefined;
  const startWatcher = (): void => {
    watcher?.close();
    watcher = watch(resolve(REPOSITORY, 'functions'), { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        changes = changes.then(change).catch((error) => print(String(error)));
      }, QUIET_MILLIS);
    });
    watcher.on('error', (error) =>
      print(`cannot watch functions/ any longer: ${error.message}; restart dev to reload changes`),
    );
  };
  startWatcher();
  signal.addEventListener('abort', () => watcher?.close(), { once: true });
}

/** Compiles changed `.sql` files to the TypeScript beside them, which is bundled like any other module. */
async function compileSql(print: (text: string) => void): Promise<void> {
  const { compileSqlFiles } = await import('../sql/compile-files.ts');
  try {
    for (const { file, state } of await compileSqlFiles({ check: false }))
      if (state === 'written') print(`compiled ${relative(REPOSITORY, file)}`);
  } catch (error) {
    print(`not compiled: ${error instanceof Error ? error.message : String(error)}`);
  }
}
