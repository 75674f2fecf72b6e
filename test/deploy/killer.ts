import { readFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type Check, sameEntries } from '../../infra/local/demo/checks.ts';
import { ordersFile } from '../../infra/local/demo/data.ts';
import { deadLetters } from '../../infra/local/demo/lake.ts';
import type { Change } from './changed-copy.ts';
import type { Deployed } from './deployed.ts';
import { everythingDone, until } from './settle.ts';

/** Code whose process exits at one line of an order, as it would when it runs out of memory. */
export const KILLED_BY_PIGEON: Change = {
  file: 'functions/transforms/order-events.ts',
  from: 'apply: ({ data: line }) => {',
  to: "apply: ({ data: line }) => {\n    if (line['Ship Mode'] === 'Pigeon') process.exit(1);",
};

const FIRST_ROW = 1_000_000;
const ROWS = 12;
const KILLER = 5;

/** Lands a file with such a line among others in one record. The line becomes a dead letter, and the others arrive. */
export async function killer(deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names, database } = deployed;
  const Body = await fileWithKiller();
  await clients.s3.send(new PutObjectCommand({ Bucket: names.landing, Key: 'orders/pigeon.csv', Body }));
  const arrived = async (): Promise<readonly string[]> => {
    const found = await database.query<{ row: string }>(
      'SELECT row_id::text AS row FROM completed_orders WHERE row_id >= $1',
      [FIRST_ROW],
    );
    return found.rows.map(({ row }) => row);
  };
  await until('the lines around the poison line have arrived', async () => (await arrived()).length >= ROWS - 1);
  await everythingDone(deployed);
  const killed = (await deadLetters(clients.s3, names.deadLetters)).filter(({ reason }) => reason === 'killed');
  return [
    ...sameEntries(
      'lines around the poison line',
      Array.from({ length: ROWS }, (_, index) => String(FIRST_ROW + index)).filter((_, index) => index !== KILLER),
      await arrived(),
    ),
    ...sameEntries(
      'the poison line is a dead letter',
      ['order-events, with its bytes'],
      killed.map(({ step, text = '' }) => `${step}, ${text.includes('Pigeon') ? 'with' : 'without'} its bytes`),
    ),
  ];
}

async function fileWithKiller(): Promise<string> {
  const [header = '', ...lines] = (await readFile(ordersFile(), 'utf8')).trimEnd().split(/\r?\n/);
  // In these lines no cell before the shipping mode has a comma or a line break.
  const rows = lines.slice(0, ROWS).map((line, index) => {
    const [, order, ordered, shipped, mode, ...rest] = line.split(',');
    return [FIRST_ROW + index, order, ordered, shipped, index === KILLER ? 'Pigeon' : mode, ...rest].join(',');
  });
  return [header, ...rows, ''].join('\n');
}
