import type pg from 'pg';
import { whyOf } from '../../emulator/why.ts';
import type { Pipeline } from '../../pipelines/pipeline.ts';
import { connectedTo } from '../crm/run-crm.ts';
import { caughtUp, everythingDone } from '../everything-done.ts';
import { readPulled } from '../read-pulled.ts';
import { printOnce } from '../repeated-lines.ts';
import { nameOf } from '../runner.ts';
import { type Local, startLocal } from '../start.ts';
import type { Check } from './checks.ts';
import { type Crm, customersReport, openCrm, reconcileCustomers } from './customers.ts';
import { ordersFile, weatherFile } from './data.ts';
import { type Sent, sendReadings } from './devices.ts';
import { askBoth, compareAnswers, orderReport } from './order-questions.ts';
import { showProgress } from './progress.ts';
import { reconcileDeadLetters, reconcileOrders, reconcileSensors } from './reconcile.ts';
import { checkReport, deadLetterReport, objectReport, queryReport, stepReport } from './report.ts';
import { reconcileShop, sendCustomers, sendShop, shopReport } from './shop.ts';
import { type ShopData, shopData } from './shop-data.ts';

/** The demo takes seconds. This ends it when a changed step never catches up. */
const LONGEST_MILLIS = 5 * 60_000;

/**
 * Sends two real data sets, what a shop does, and the changes of a table through the example pipelines on this machine,
 * from their sources to S3 and Postgres, and compares every count with the input. Resolves to whether all counts agree.
 * `afterwards` runs while everything is still there.
 */
export async function runDemo(
  pipelines: readonly Pipeline[],
  {
    print,
    afterwards,
  }: { readonly print: (text: string) => void; readonly afterwards?: (local: Local) => Promise<void> },
  signal: AbortSignal,
): Promise<boolean> {
  const startedMillis = Date.now();
  const files = { orders: ordersFile(), weather: weatherFile(), shop: await shopData(startedMillis) };
  const printFailure = printOnce(print);
  await using running = new AsyncDisposableStack();
  print('Starting Kinesis, DynamoDB, S3, SQS and Postgres on this machine, and bundling the functions …');
  const local = await startLocal(
    {
      pipelines,
      onLog: (name, line) => printFailure(`${name}: ${line}`),
      onNotice: print,
      trace: (step) => (entry) => {
        const line = whyOf(nameOf(step), entry);
        if (line !== undefined) printFailure(line);
      },
      signal,
    },
    running,
  );
  const database = await connectedTo(local.stage);
  running.defer(() => database.end());
  const given = { ...files, crm: await openCrm(local, database) };
  print(
    `Started after ${seconds(startedMillis)}. Putting superstore.csv into the landing bucket, sending weather.csv and the shop's events over HTTP, and changing a table …`,
  );
  const progress = showProgress(local, print);
  const tooLong = AbortSignal.timeout(LONGEST_MILLIS);
  const flowing = flow(local, given, AbortSignal.any([signal, tooLong])).finally(() => progress.end());
  const sent = await flowing.catch(async (error: unknown) => {
    if (!tooLong.aborted) throw error;
    print(await stepReport(local));
    throw new Error(
      `not every step caught up within ${LONGEST_MILLIS / 60_000} minutes; see the steps above that are behind`,
    );
  });
  print(`All steps have caught up after ${seconds(startedMillis)}.\n`);
  const agrees = await report(local, { sent, database, ...given }, print);
  await afterwards?.(local);
  print(
    agrees
      ? `\nAll counts agree: nothing lost, no duplicates. ${seconds(startedMillis)} in all.`
      : '\nSome counts differ: see DIFFERS above.',
  );
  return agrees;
}

interface Given {
  readonly orders: string;
  readonly weather: string;
  readonly shop: ShopData;
  readonly crm: Crm;
}

/** Sends everything, while the sources that a schedule reads are read, and waits until every step has done its work. */
async function flow(local: Local, given: Given, signal: AbortSignal): Promise<Sent> {
  const sent = new AbortController();
  const reading = readPulled(local.runner, { everyMillis: 0, signal: AbortSignal.any([signal, sent.signal]) });
  const sending = send(local, given, signal).finally(() => sent.abort());
  // The reading ends only when it fails.
  await Promise.race([sending, reading]);
  return sending;
}

async function send(local: Local, { orders, weather, shop, crm }: Given, signal: AbortSignal): Promise<Sent> {
  const { runner } = local;
  const urlOf = (source: string): string => {
    const url = runner.urls.get(source);
    if (url === undefined) throw new Error(`no source ${source} answers requests: the demo runs the example pipelines`);
    return url;
  };
  const [sent] = await Promise.all([
    sendReadings(urlOf('sensors/devices'), weather),
    // An order meets its customer only when the customer came first.
    crm
      .rowsRead(signal)
      .then(() => caughtUp(local, 'customers', signal))
      .then(() => Promise.all([runner.landing.put(orders, 'orders/superstore.csv'), crm.change(signal)])),
    sendCustomers(urlOf, shop)
      .then(() => caughtUp(local, 'shop', signal))
      .then(() => sendShop(urlOf, shop)),
  ]);
  await everythingDone(local, signal);
  return sent;
}

async function report(
  local: Local,
  { sent, database, shop, crm }: Pick<Given, 'shop' | 'crm'> & { readonly sent: Sent; readonly database: pg.Client },
  print: (text: string) => void,
): Promise<boolean> {
  const { stage } = local;
  print(await stepReport(local));
  print(await deadLetterReport(stage));
  print(`The HTTP source rejected ${sent.rejected} requests that are not JSON, with status 400.\n`);
  print(await objectReport(stage));
  print(await queryReport(database));
  const answers = await askBoth(stage, database);
  print(orderReport(answers));
  print(await shopReport(database));
  print(await customersReport(stage));
  const checks: readonly Check[] = [
    ...(await reconcileOrders(stage, database)),
    ...compareAnswers(answers),
    ...(await reconcileSensors(stage, database, sent)),
    ...(await reconcileShop(database, shop)),
    ...(await reconcileCustomers(stage, database, crm)),
    ...(await reconcileDeadLetters(stage, sent)),
  ];
  print(checkReport(checks));
  return checks.every(({ expected, found }) => expected === found);
}

function seconds(sinceMillis: number): string {
  return `${((Date.now() - sinceMillis) / 1000).toFixed(1)} s`;
}
