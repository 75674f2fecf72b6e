import pg from 'pg';
import { whyOf } from '../../emulator/why.ts';
import type { Pipeline } from '../../pipelines/pipeline.ts';
import { everythingDone } from '../everything-done.ts';
import { nameOf } from '../runner.ts';
import { type Local, startLocal } from '../start.ts';
import type { Check } from './checks.ts';
import { ordersFile, weatherFile } from './data.ts';
import { type Sent, sendReadings } from './devices.ts';
import { showProgress } from './progress.ts';
import { reconcileDeadLetters, reconcileOrders, reconcileSensors } from './reconcile.ts';
import { answers, checkReport, deadLetterReport, objectReport, stepReport } from './report.ts';

/** It takes seconds. A step that never gets done, after somebody changed it, must not keep the demo for ever. */
const LONGEST_MILLIS = 5 * 60_000;

/**
 * Two real data sets through both pipelines on this machine, from their sources into S3 and Postgres, and every count
 * held against the input files. Answers whether all of them agree.
 */
export async function runDemo(
  pipelines: readonly Pipeline[],
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const startedMillis = Date.now();
  const [orders, weather] = [ordersFile(), weatherFile()];
  await using running = new AsyncDisposableStack();
  say('Starting Kinesis, DynamoDB, S3, SQS and Postgres on this machine, and bundling the functions …');
  const local = await startLocal(
    {
      pipelines,
      onLog: (name, line) => say(`${name}: ${line}`),
      trace: (step) => (entry) => {
        const why = whyOf(nameOf(step), entry);
        if (why !== undefined) say(why);
      },
      signal,
    },
    running,
  );
  say(
    `Started after ${seconds(startedMillis)}. Dropping superstore.csv into the landing bucket, sending weather.csv over HTTP …`,
  );
  const progress = showProgress(local, say);
  const tooLong = AbortSignal.timeout(LONGEST_MILLIS);
  const flowing = flow(local, { orders, weather }, AbortSignal.any([signal, tooLong])).finally(() => progress.end());
  const sent = await flowing.catch(async (error: unknown) => {
    if (!tooLong.aborted) throw error;
    say(await stepReport(local));
    throw new Error(`the positions did not reach the ends of their streams within ${LONGEST_MILLIS / 60_000} minutes`);
  });
  say(`All positions are at the ends of their streams after ${seconds(startedMillis)}.\n`);
  const agrees = await report(local, sent, say);
  say(
    agrees
      ? `\nNothing missing, nothing doubled. ${seconds(startedMillis)} in all.`
      : '\nNot every count agrees: see above.',
  );
  return agrees;
}

async function flow(local: Local, files: { orders: string; weather: string }, signal: AbortSignal): Promise<Sent> {
  const { runner } = local;
  const url = runner.urls.get('sensors/devices');
  if (url === undefined) throw new Error("the pipeline 'sensors' has no source 'devices' that answers requests");
  const [sent] = await Promise.all([
    sendReadings(url, files.weather),
    runner.landing.put(files.orders, 'orders/superstore.csv'),
  ]);
  await everythingDone(local, signal);
  return sent;
}

async function report(local: Local, sent: Sent, say: (text: string) => void): Promise<boolean> {
  const { stage } = local;
  const { host, port, name, user, password } = stage.places.database;
  const database = new pg.Client({ host, port, database: name, user, password });
  await database.connect();
  try {
    say(await stepReport(local));
    say(await deadLetterReport(stage));
    say(`Refused at the edge: ${sent.refused} requests that are not JSON, each answered with 400.\n`);
    say(await objectReport(stage));
    say(await answers(database));
    const checks: readonly Check[] = [
      ...(await reconcileOrders(stage, database)),
      ...(await reconcileSensors(stage, database, sent)),
      ...(await reconcileDeadLetters(stage, sent)),
    ];
    say(checkReport(checks));
    return checks.every(({ expected, found }) => expected === found);
  } finally {
    await database.end();
  }
}

function seconds(sinceMillis: number): string {
  return `${((Date.now() - sinceMillis) / 1000).toFixed(1)} s`;
}
