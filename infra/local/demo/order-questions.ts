import type pg from 'pg';
import { textTable } from '../../text-table.ts';
import { askLake } from './ask-lake.ts';
import type { Check } from './checks.ts';
import { sameRows } from './checks.ts';
import type { LakeStage } from './reconcile.ts';

interface Sales {
  readonly region: string;
  readonly orders: string;
  readonly sales: string;
}

/** What analysts ask. DuckDB and Postgres take the same words. */
const SALES_BY_REGION = `SELECT region, count(DISTINCT order_id) AS orders,
  CAST(CAST(sum(CAST(sales AS DECIMAL(18, 4))) AS DECIMAL(18, 2)) AS varchar) AS sales
  FROM %s GROUP BY region ORDER BY sum(sales) DESC`;

/** Asks the Parquet lake and the table in Postgres the same question: two sinks, which read two streams. */
export async function askBoth({ clients, names }: LakeStage, database: pg.Client): Promise<OrderAnswers> {
  const lake = { s3: clients.s3, bucket: names.lake, prefix: 'orders/' };
  const ofLake = await askLake(lake, (ask) =>
    ask<Sales>(SALES_BY_REGION.replace('%s', "lake WHERE event_type = 'order.completed'")),
  );
  const { rows: ofTable } = await database.query<Sales>(SALES_BY_REGION.replace('%s', 'completed_orders'));
  return { ofLake, ofTable };
}

export interface OrderAnswers {
  readonly ofLake: readonly Sales[];
  readonly ofTable: readonly Sales[];
}

export function orderReport({ ofLake }: OrderAnswers): string {
  const rows = ofLake.map(({ region, orders, sales }) => [region, Number(orders), sales]);
  return `${textTable(['asked of the Parquet lake', 'orders', 'sales'], rows)}\n`;
}

export function compareAnswers({ ofLake, ofTable }: OrderAnswers): readonly Check[] {
  const text = ({ region, orders, sales }: Sales): string => `${region} ${orders} ${sales}`;
  return sameRows('sales by region, of the lake and of Postgres', ofTable.map(text), ofLake.map(text));
}
