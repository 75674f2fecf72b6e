import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { type Check, sameRows } from '../../infra/local/demo/checks.ts';
import { readAll } from '../../infra/operation/dead-letters/dead-letters.ts';
import { resolveStream } from '../../infra/pipelines/streams.ts';
import { outcomeOf } from './command.ts';
import type { Deployed } from './deployed.ts';
import { kiosk } from './kiosk.ts';
import { type KioskAnswer, type KioskEvent, kioskAnswer, kioskInput } from './kiosk-input.ts';
import { LONGEST_MILLIS } from './longest.ts';
import type { Server } from './server.ts';
import { everythingDone } from './settle.ts';
import { eventsIn } from './stream-events.ts';

interface Where {
  readonly server: Server;
  readonly folder: string;
  /** The copy of this repository that was deployed: its command knows the kiosk. */
  readonly repository: string;
}

/**
 * Feeds tables, windows and a join, tells them a time at which windows close, and compares rows, change streams and
 * dead letters with what follows from the input. Then operators ask for rows and for the status.
 */
export async function tablesAndJoins(all: Deployed, where: Where): Promise<readonly Check[]> {
  const deployed = { ...all, steps: all.steps.filter(({ pipeline }) => pipeline === kiosk.name) };
  const input = kioskInput(Date.now());
  const answer = kioskAnswer(input);
  await append('customers', input.customers, deployed);
  await append('cart', input.cart, deployed);
  await everythingDone(deployed);
  await append('sales', input.sales, deployed);
  await tick(input.tickMillis, deployed);
  await append('sales', [input.late], deployed);
  await everythingDone(deployed);
  return [
    ...(await looked(() => comparedWith(answer, deployed))),
    ...(await queried(answer, deployed, where)),
    ...(await statusShown(input.tickMillis, deployed, where)),
  ];
}

type KioskStream = keyof typeof kiosk.streams;

const streamOf = (name: KioskStream) => resolveStream(kiosk, name, [kiosk]);

let appended = 0;

/** Appends events as another producer would. */
async function append(
  name: KioskStream,
  events: readonly KioskEvent[],
  { clients: { kinesis }, names }: Deployed,
): Promise<void> {
  const writer = openLogWriter({ kinesis, stream: names.stream(kiosk.name, name) });
  const outgoing = events.map(({ type, key, millis, data }) => ({
    id: `kiosk-${appended++}`,
    source: '/till',
    type,
    time: new Date(millis).toISOString(),
    key,
    sequence: undefined,
    traceparent: undefined,
    dataBytes: Buffer.from(JSON.stringify(data)),
  }));
  await writer.append(outgoing, AbortSignal.timeout(LONGEST_MILLIS));
}

/** Calls the function that appends ticks, as its schedule would at that time. */
async function tick(millis: number, { clients, names }: Deployed): Promise<void> {
  const FunctionName = names.ticks(kiosk.name, 'sales');
  const Payload = Buffer.from(JSON.stringify({ tick: new Date(millis).toISOString() }));
  const { FunctionError, Payload: said } = await clients.lambda.send(new InvokeCommand({ FunctionName, Payload }));
  if (FunctionError !== undefined) throw new Error(`${FunctionName} threw: ${Buffer.from(said ?? []).toString()}`);
}

const LOOKS = 60;
const LOOK_EVERY_MILLIS = 500;

/** Looks again while a check fails: a table commits its rows shortly before their changes are in the stream. */
async function looked(look: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  for (let looks = 1; ; looks++) {
    const checks = await look();
    if (looks === LOOKS || checks.every(({ expected, found }) => expected === found)) return checks;
    await delay(LOOK_EVERY_MILLIS);
  }
}

interface InBasket {
  readonly customer_id: string;
  readonly item: string;
  readonly quantity: number;
}

interface QuarterRow {
  readonly region: string;
  readonly window_start: string;
  readonly lines: number;
  readonly sales: number;
}

const basketText = ({ customer_id, item, quantity }: InBasket): string => `${customer_id} ${item} ${quantity}`;
const quarterText = ({ region, window_start, lines, sales }: QuarterRow): string =>
  `${region} ${new Date(window_start).toISOString()} ${lines} ${sales}`;

async function comparedWith(answer: KioskAnswer, deployed: Deployed): Promise<readonly Check[]> {
  const { database, clients, names } = deployed;
  const baskets = await database.query('SELECT customer_id, item, quantity FROM kiosk.basket');
  const quarters = await database.query('SELECT region, window_start, lines, sales FROM kiosk.sales_by_quarter');
  const closed = await changesIn<QuarterRow>('quarters', deployed);
  const named = await changesIn<{ readonly row_id: number; readonly name: string | null }>(
    'sales_with_customers',
    deployed,
  );
  const stage = { clients, names };
  const letters = await readAll(stage, `${kiosk.name}/`, AbortSignal.timeout(LONGEST_MILLIS));
  return [
    ...sameRows('rows of the basket', answer.basket, baskets.rows.map(basketText)),
    ...sameRows('the changes of the basket, folded', answer.basket, (await foldedBasket(deployed)).map(basketText)),
    ...sameRows('rows of quarters of an hour that have closed', answer.quarters, quarters.rows.map(quarterText)),
    ...sameRows(
      'the changes of the quarters, one for each',
      answer.quarters.map((quarter) => `sales_by_quarter.inserted ${quarter}`),
      closed.map(({ type, data }) => `${type} ${quarterText(data)}`),
    ),
    ...sameRows(
      'sales with the names of their customers',
      answer.named,
      named.map(({ data }) => `${data.row_id} ${data.name}`),
    ),
    ...sameRows(
      'dead letters of the kiosk',
      answer.late,
      letters.map(
        ({ reason, text = '' }) => `${(JSON.parse(text) as { data: { row_id: number } }).data.row_id} ${reason}`,
      ),
    ),
  ];
}

async function changesIn<Row>(stream: KioskStream, deployed: Deployed) {
  const events = await Array.fromAsync(eventsIn(streamOf(stream), deployed));
  return events.map(({ type, key, data }) => ({ type, key, data: data as Row }));
}

async function foldedBasket(deployed: Deployed): Promise<readonly InBasket[]> {
  const rows = new Map<string, InBasket>();
  for (const { type, key, data } of await changesIn<InBasket>('basket_changes', deployed)) {
    if (type === 'basket.deleted') rows.delete(key);
    else rows.set(key, data);
  }
  return [...rows.values()];
}

function millrace(args: readonly string[], { names }: Deployed, { server, folder, repository }: Where) {
  const command = [process.execPath, join(repository, 'infra/cli/main.ts'), ...args, '--stage', names.stage];
  return outcomeOf(command, { cwd: folder, env: server.env, log: join(folder, 'kiosk.log') });
}

/** Asks for the rows as operators do, through the stage's function, which the table has allowed to read them. */
async function queried(answer: KioskAnswer, deployed: Deployed, where: Where): Promise<readonly Check[]> {
  const statement = `SELECT region || ' ' || to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    || ' ' || lines || ' ' || sales FROM sales_by_quarter`;
  const { said, code } = await millrace(['query', kiosk.name, statement, '--csv'], deployed, where);
  return [
    ...sameRows('rows that millrace query shows', answer.quarters, said.trim().split('\n').slice(1)),
    { what: 'exit code of millrace query', expected: 0, found: code ?? 'none' },
  ];
}

async function statusShown(tickMillis: number, deployed: Deployed, where: Where): Promise<readonly Check[]> {
  const { said, code } = await millrace(['status', kiosk.name, '--json'], deployed, where);
  const lines = said.split('\n').filter((line) => line.startsWith('{'));
  const rows = lines.map((line) => JSON.parse(line) as Readonly<Record<string, string | number | undefined>>);
  const steps = rows.filter(({ step }) => step !== undefined);
  const quarters = rows.find(({ table }) => table === 'sales_by_quarter');
  return [
    { what: 'exit code of millrace status', expected: 0, found: code ?? 'none' },
    { what: 'steps that it shows as idle', expected: 5, found: steps.filter(({ state }) => state === 'idle').length },
    { what: 'tables that it shows', expected: 3, found: rows.filter(({ table }) => table !== undefined).length },
    {
      what: 'the watermark of the quarters',
      expected: new Date(tickMillis).toISOString(),
      found: String(quarters?.watermark),
    },
    { what: 'their open windows', expected: 1, found: quarters?.openWindows ?? 'none' },
  ];
}
