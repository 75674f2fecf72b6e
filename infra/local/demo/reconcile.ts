import type { S3Client } from '@aws-sdk/client-s3';
import type pg from 'pg';
import type { Names } from '../../names.ts';
import { askLake } from './ask-lake.ts';
import { type Check, repeats, sameEntries } from './checks.ts';
import { ordersFile, rowsOf, weatherFile } from './data.ts';
import type { Sent } from './devices.ts';
import { deadLetters, eventsBelow, type LakeEvent } from './lake.ts';

/** A stage on this machine or on AWS. */
export interface LakeStage {
  readonly clients: { readonly s3: S3Client };
  readonly names: Pick<Names, 'lake' | 'deadLetters'>;
}

/**
 * Compares all order events in the lake and in Postgres with the input file. A lost, duplicated or changed one fails.
 */
export async function reconcileOrders(stage: LakeStage, database: pg.Client): Promise<readonly Check[]> {
  const lines = await rowsOf(ordersFile());
  const { clients, names } = stage;
  const lake = await askLake({ s3: clients.s3, bucket: names.lake, prefix: 'orders/' }, (ask) =>
    ask<OrderRow>(ORDER_ROWS),
  );
  const expected = lines.flatMap((line) => [
    `${line['Row ID']} PENDING ${line.Sales}`,
    `${line['Row ID']} COMPLETE ${line.Sales}`,
  ]);
  const found = lake.map(({ row_id, status, sales }) => `${row_id} ${status} ${sales}`);
  const { rows } = await database.query<{ order: string }>(
    `SELECT row_id || ' ' || status || ' ' || sales AS order FROM completed_orders`,
  );
  return [
    ...sameEntries('order events in the lake', expected, found),
    { what: 'duplicate order events in the lake', expected: 0, found: repeats(lake) },
    ...sameEntries(
      'completed orders in Postgres',
      expected.filter((entry) => entry.includes(' COMPLETE ')),
      rows.map(({ order }) => order),
    ),
  ];
}

interface OrderRow {
  readonly source: string;
  readonly sequence: string;
  readonly row_id: string;
  readonly status: string;
  readonly sales: number;
}

const ORDER_ROWS = 'SELECT event_source AS source, event_sequence AS sequence, row_id, status, sales FROM lake';

/** Compares all readings in the lake and in Postgres with the input file and the added faults. */
export async function reconcileSensors(stage: LakeStage, database: pg.Client, sent: Sent): Promise<readonly Check[]> {
  const readings = (await rowsOf(weatherFile())).map((row) => `${row.location} ${row.date} ${Number(row.temp_max)}`);
  const raw = await eventsBelow(stage.clients.s3, stage.names.lake, 'raw/');
  const clean = await eventsBelow(stage.clients.s3, stage.names.lake, 'clean/');
  const entry = ({ data }: LakeEvent): string => `${data.sensor_id} ${data.date} ${data.temp_max}`;
  const { rows } = await database.query<{ reading: string }>(
    `SELECT sensor_id || ' ' || date || ' ' || temp_max AS reading FROM readings`,
  );
  return [
    {
      what: 'readings accepted over HTTP',
      expected: readings.length + sent.withoutSensor + sent.text,
      found: sent.accepted,
    },
    { what: 'readings in the raw archive', expected: sent.accepted, found: raw.length },
    ...sameEntries(
      'the devices’ readings in the raw archive',
      readings,
      raw.filter(({ data }) => data.fault === undefined).map(entry),
    ),
    ...sameEntries('clean readings in the lake', readings, clean.map(entry)),
    ...sameEntries(
      'clean readings in Postgres',
      readings,
      rows.map(({ reading }) => reading),
    ),
    { what: 'duplicate readings in the lake', expected: 0, found: repeats([...raw, ...clean]) },
  ];
}

/** Checks that the dead letters are exactly the readings with a text for a number, with their original bytes. */
export async function reconcileDeadLetters(stage: LakeStage, sent: Sent): Promise<readonly Check[]> {
  const letters = await deadLetters(stage.clients.s3, stage.names.deadLetters);
  const faulty = letters.filter(
    ({ step, reason, text }) => step === 'cleaning' && reason === 'schema' && text?.includes('a text for a number'),
  );
  return [
    { what: 'dead letters of readings with a text for a number', expected: sent.text, found: faulty.length },
    { what: 'dead letters of anything else', expected: 0, found: letters.length - faulty.length },
    { what: 'requests rejected by the HTTP source', expected: sent.notJson, found: sent.rejected },
  ];
}
