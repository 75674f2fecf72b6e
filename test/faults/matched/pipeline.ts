import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';
import { Buyer, foreignJoinOf, Named, Purchase } from '../../pipelines/foreign-fixture.ts';
import { Customer, Enriched, joinOf, Order, Paid, Placed, Settled } from '../../pipelines/join-fixture.ts';
import { settledWithin } from '../../pipelines/within-schedule.ts';

const named = await foreignJoinOf(
  `CREATE TABLE named AS SELECT o.order_id, c.name, o.sales
   FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id`,
);
const priced = await joinOf(
  `SELECT o.order_id, c.segment, 100 / o.sales AS sales
   FROM orders o LEFT JOIN customers c AS OF o.time RETENTION 3 DAYS ON c.customer_id = o.customer_id`,
);

/**
 * The joins whose events meet in another way than by what stands there: by a foreign key, by the time of an event, and
 * within a time.
 */
export const matched = definePipeline({
  name: 'matched',
  streams: {
    raw: { schema: Purchase, shards: 2 },
    buyers: { schema: Buyer },
    named: { schema: Named, shards: 2 },
    dated: { schema: Order, shards: 2 },
    people: { schema: Customer },
    priced: { schema: Enriched },
    orders: { schema: Placed, shards: 2 },
    payments: { schema: Paid },
    settled: { schema: Settled },
  },
  joins: {
    named: { from: { orders: 'raw', customers: 'buyers' }, apply: named, to: 'named' },
    priced: { from: { orders: 'dated', customers: 'people' }, apply: priced, to: 'priced' },
    settled: { from: { orders: 'orders', payments: 'payments' }, apply: settledWithin, to: 'settled' },
  },
});

/** The streams that the planner adds are among them. */
export type MatchedStream =
  | keyof typeof matched.streams
  | 'named-by-key'
  | 'named-by-row'
  | 'priced-by-key'
  | 'settled-by-key';
export type MatchedRun = PipelineRun<typeof matched.streams>;
