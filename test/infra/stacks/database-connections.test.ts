import { expect, test } from 'vitest';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { parseContext } from '../../../infra/context.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { connectionWarnings, refuseTooManyConnections } from '../../../infra/stacks/database-connections.ts';
import { synthesized } from './synthesized.ts';

const write = postgresSink({ table: 'rows', key: ['customer_id'] });

const shopWith = (shards: number) =>
  definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent, shards } },
    tables: { basket: { from: 'cart', keep: basket } },
    sinks: {
      all: { from: 'cart', write: postgresSink({ table: 'all_rows' }) },
      hourly: { from: 'cart', write, every: minutes(60) },
    },
  });

const plansOf = (...pipelines: Parameters<typeof planOf>[1]) => pipelines.map((one) => planOf(one, pipelines));

const GIVEN = { host: 'db.example.com', name: 'x', user: 'u', secret: 'arn:x', ca: 'public' };

test('a stage whose steps need more connections than its instance allows is refused, with the numbers and the way out', async () => {
  await expect(synthesized({}, [shopWith(80)])).rejects.toThrow(
    "the steps of the stage's database need 161 connections, one for each shard (shop/basket 80, shop/all 80, shop/hourly 1), " +
      'and an instance db.t4g.small allows about 180, of which 20 stay free for operators and the server: ' +
      'use fewer shards, or let sinks write on a schedule (every), which takes one connection each; ' +
      'or choose a larger instance (-c databaseClass=…), or give sinks a database of their own (-c databases=…)',
  );
});

test('a larger instance takes them, and is what the template says', async () => {
  const stage = await synthesized({ databaseClass: 'db.t4g.medium' }, [shopWith(80)]);
  stage.stack('millrace-dev').template.hasResourceProperties('AWS::RDS::DBInstance', {
    DBInstanceClass: 'db.t4g.medium',
  });
  expect(stage.stack('millrace-dev').warnings.join()).not.toContain('connections');
});

test('the steps of all pipelines that are deployed count together, and each database for itself', () => {
  const other = definePipeline({
    name: 'other',
    streams: { cart: { schema: CartEvent, shards: 150 }, more: { schema: CartEvent, capacity: 'on-demand' } },
    tables: { last: { from: 'more', keep: basket } },
    sinks: { elsewhere: { from: 'cart', write: postgresSink({ table: 'rows', database: 'warehouse' }) } },
  });
  const context = { databases: { warehouse: { ...GIVEN, maxConnections: 100 } } };
  const refused = () => refuseTooManyConnections(plansOf(shopWith(79), other), parseContext(context));
  expect(refused).toThrow(
    /^the steps of the stage's database need at least 163 connections, .*other\/last 4 or more\), and .*\nthe steps of database 'warehouse' need 150 connections, one for each shard \(other\/elsewhere 150\), and the database declares 100 \(maxConnections\)/,
  );
});

test('a given database is refused by what it declares, and warned about when it declares nothing', () => {
  const plans = plansOf(shopWith(50));
  const contextOf = (more: object) => parseContext({ database: { ...GIVEN, ...more } });
  const refused = (more: object) => () => refuseTooManyConnections(plans, contextOf(more));
  expect(refused({ maxConnections: 120 })).toThrow('need 101 connections');
  expect(refused({ maxConnections: 121 })).not.toThrow();
  expect(refused({})).not.toThrow();
  expect(connectionWarnings(plans, contextOf({}))).toEqual([
    "the steps of the stage's database need 101 connections, one for each shard (shop/basket 50, shop/all 50, shop/hourly 1), " +
      'and Postgres allows 100 unless it is configured otherwise: say what it allows ("maxConnections":…)',
  ]);
  expect(connectionWarnings(plans, contextOf({ maxConnections: 121 }))).toEqual([]);
  expect(connectionWarnings(plansOf(shopWith(39)), contextOf({}))).toEqual([]);
});

test('a class is refused beside a given database, and so is a class that is not known', () => {
  expect(() => parseContext({ databaseClass: 'db.t4g.large', database: GIVEN })).toThrow('it creates none: leave one');
  expect(() => parseContext({ databaseClass: 'db.t2.micro' })).toThrow('databaseClass');
});
