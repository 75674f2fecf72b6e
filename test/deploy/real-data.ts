import { readFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type pg from 'pg';
import type { Check } from '../../infra/local/demo/checks.ts';
import { ordersFile, rowsOf, weatherFile } from '../../infra/local/demo/data.ts';
import { sendReadings } from '../../infra/local/demo/devices.ts';
import { reconcileDeadLetters, reconcileOrders, reconcileSensors } from '../../infra/local/demo/reconcile.ts';
import type { Deployed } from './deployed.ts';
import { everythingDone, until } from './settle.ts';

/**
 * Sends the demo's data through the deployed pipelines: a file to the landing bucket, readings to the function's URL.
 */
export async function realData(deployed: Deployed, devicesUrl: string): Promise<readonly Check[]> {
  const { database } = deployed;
  const file = await readFile(ordersFile());
  const landed = deployed.clients.s3.send(
    new PutObjectCommand({ Bucket: deployed.names.landing, Key: 'orders/superstore.csv', Body: file }),
  );
  const [sent] = await Promise.all([sendReadings(devicesUrl, weatherFile()), landed]);
  const orders = (await rowsOf(ordersFile())).length;
  // Before that the file's announcement may not have arrived, so queues and positions alone do not show the end.
  await until('completed orders are in Postgres', async () => (await rowCount(database, 'completed_orders')) >= orders);
  await everythingDone(deployed);
  return [
    ...(await reconcileOrders(deployed, database)),
    ...(await reconcileSensors(deployed, database, sent)),
    ...(await reconcileDeadLetters(deployed, sent)),
  ];
}

/** Counts a table's rows. The count is 0 before the sink has created the table. */
export async function rowCount(database: pg.Client, table: string): Promise<number> {
  const { rows } = await database.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  if (rows[0]?.there !== true) return 0;
  const counted = await database.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(counted.rows[0]?.count);
}
