import type pg from 'pg';
import { stepStatus } from '../../operation/status/status.ts';
import { textTable } from '../../text-table.ts';
import { nameOf } from '../runner.ts';
import type { LocalStage } from '../stage.ts';
import type { Local } from '../start.ts';
import type { Check } from './checks.ts';
import { deadLetters, listObjects } from './lake.ts';

/** Formats a row for each step: events in and out, dead letters, and records behind. */
export async function stepReport({ runner, stage, counts }: Local): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const rows = [];
  for (const step of runner.steps) {
    const { eventsIn, eventsOut, rejected } = counts.of(nameOf(step));
    const shards = step.kind === 'source' ? [] : await stepStatus(step, stage, signal);
    const behind = shards.reduce((sum, { recordsBehind = 0 }) => sum + recordsBehind, 0);
    rows.push([
      nameOf(step),
      step.delivery,
      eventsIn,
      eventsOut,
      rejected,
      step.kind === 'source' ? '–' : `${shards.some(({ andMore }) => andMore) ? 'over ' : ''}${behind} records`,
    ]);
  }
  return `${textTable(['step', 'delivery', 'events in', 'events out', 'dead letters', 'behind'], rows)}\n`;
}

/** Formats a row for each dead letter. */
export async function deadLetterReport({ clients, names }: LocalStage): Promise<string> {
  const letters = await deadLetters(clients.s3, names.deadLetters);
  const rows = letters.map(({ pipeline, step, reason, message }) => [`${pipeline}/${step}`, reason, message]);
  return `${textTable(['dead letter of', 'reason', 'message'], rows)}\n`;
}

const SHOWN_AT_MOST = 6;

/** Formats the lake's objects with their sizes: the first few of each sink, and the number of the others. */
export async function objectReport({ clients, names }: LocalStage): Promise<string> {
  const objects = await listObjects(clients.s3, names.lake, '');
  const bySink = Map.groupBy(objects, ({ key }) => key.slice(0, key.indexOf('/')));
  const rows = [...bySink.values()].flatMap((own) => {
    const shown = own.slice(0, SHOWN_AT_MOST).map(({ key, bytes }): [string, number] => [key, bytes]);
    const rest = own.slice(SHOWN_AT_MOST);
    const more: [string, number][] =
      rest.length === 0 ? [] : [[`  … and ${rest.length} more`, rest.reduce((sum, { bytes }) => sum + bytes, 0)]];
    return [...shown, ...more];
  });
  return `${textTable(['object in the lake', 'bytes'], rows)}\n`;
}

/** Formats the results of two queries on the tables. */
export async function queryReport(database: pg.Client): Promise<string> {
  const sales = await database.query<{ region: string; orders: string; sales: string }>(
    `SELECT region, count(DISTINCT order_id) AS orders, to_char(sum(sales), 'FM999,999,990.00') AS sales
     FROM completed_orders GROUP BY region ORDER BY sum(sales) DESC`,
  );
  const heat = await database.query<{ sensor_id: string; year: string; mean: string }>(
    `SELECT sensor_id, extract(year FROM date) AS year, to_char(avg(temp_max), 'FM990.00') AS mean
     FROM readings GROUP BY sensor_id, year ORDER BY sensor_id, year`,
  );
  const salesTable = textTable(
    ['completed sales by region', 'orders', 'sales'],
    sales.rows.map((row) => [row.region, Number(row.orders), row.sales]),
  );
  const heatTable = textTable(
    ['mean daily maximum', 'year', '°C'],
    heat.rows.map((row) => [row.sensor_id, row.year, row.mean]),
  );
  return `${salesTable}\n\n${heatTable}\n`;
}

/** Formats a row for each check. */
export function checkReport(checks: readonly Check[]): string {
  const rows = checks.map(({ what, expected, found }) => [
    what,
    expected,
    found,
    expected === found ? 'agrees' : 'DIFFERS',
  ]);
  return textTable(['compared with the input files', 'expected', 'found', ''], rows);
}
