import { z } from 'zod';
import { dynamoDbSink } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { openSearchSink } from '../../functions/sinks/opensearch/opensearch.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { slackSink, webhookSink } from '../../functions/sinks/webhook/webhook.ts';
import { generatorSource } from '../../functions/sources/generator/generator.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { mqttSource } from '../../functions/sources/mqtt/mqtt.ts';
import { postgresChangesSource } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { postgresQuerySource } from '../../functions/sources/postgres-query/postgres-query.ts';
import { s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { definePipeline, hours, minutes, streamOf } from '../pipelines/pipeline.ts';

/**
 * The pipelines that docs/connectors.md quotes, one for each connector. A test runs them; none of them is deployed. The
 * page quotes the lines between `#region <connector>` and `#endregion`.
 */

// #region http
const Sale = z.object({ shop: z.string(), sold_at: z.iso.datetime(), total: z.number() });

export const tills = definePipeline({
  name: 'tills',
  streams: { sales: { schema: Sale } },
  sources: {
    registers: {
      read: httpSource({ schema: Sale, type: 'sale.made', key: 'shop', time: 'sold_at', callers: 'iam' }),
      to: 'sales',
    },
  },
});
// #endregion

// #region s3-files
const Price = z.object({ sku: z.string(), valid_from: z.iso.date(), price: z.number() });

export const priceLists = definePipeline({
  name: 'price-lists',
  streams: { prices: { schema: Price, retentionDays: 7 } },
  sources: {
    uploads: {
      read: s3FilesSource({
        schema: Price,
        format: 'csv',
        type: 'price.listed',
        key: 'sku',
        time: 'valid_from',
        prefix: 'prices/',
      }),
      to: 'prices',
    },
  },
});
// #endregion

// #region generator
const Visit = z.object({
  visitor: z.string(),
  page: z.enum(['home', 'search', 'product', 'basket']),
  seconds: z.int().min(1).max(600),
  seen: z.iso.datetime(),
  browser: z.string().meta({ examples: ['Firefox', 'Chrome', 'Safari'] }),
});

export const visits = definePipeline({
  name: 'visits',
  streams: { visits: { schema: Visit } },
  sources: {
    visitors: {
      read: generatorSource({
        schema: Visit,
        type: 'page.visited',
        key: 'visitor',
        time: 'seen',
        perSecond: 50,
        seed: 7,
        keys: 10_000,
        skew: 1,
        bad: 0.001,
        count: 1_000_000,
        values: { page: ['home', 'home', 'search', 'product'] },
      }),
      to: 'visits',
    },
  },
});
// #endregion

// #region mqtt
const Measured = z.object({ machine: z.string(), nr: z.int(), celsius: z.number(), at: z.iso.datetime() });

export const machines = definePipeline({
  name: 'machines',
  streams: { measured: { schema: Measured, idempotent: true } },
  sources: {
    halls: {
      read: mqttSource({
        broker: 'mqtts://broker.example.com:8883',
        topic: 'halls/+/machines/+',
        schema: Measured,
        type: 'machine.measured',
        key: ['topic(2)', 'machine'],
        time: 'at',
        device: 'machine',
        number: 'nr',
        clientId: 'millrace-machines',
        username: 'collector',
      }),
      to: 'measured',
    },
  },
});
// #endregion

// #region postgres-query
const Customer = z.object({ customer_id: z.int(), name: z.string(), changed_at: z.iso.datetime() });
const Placed = z.object({ id: z.int(), total: z.number(), region: z.string() });

export const customers = definePipeline({
  name: 'crm',
  streams: { customers: { schema: Customer }, orders: { schema: Placed } },
  sources: {
    crm: {
      read: postgresQuerySource({
        table: 'sales.customers',
        limitedBy: { timestamp: 'changed_at', margin: minutes(5) },
        schema: Customer,
        type: 'customer.changed',
        key: 'customer_id',
        time: 'changed_at',
        database: 'crm',
      }),
      to: 'customers',
      every: minutes(2),
    },
    orders: {
      read: postgresQuerySource({
        query: 'SELECT o.id, o.total, c.region FROM orders o JOIN customers c ON c.id = o.customer_id',
        incrementing: 'id',
        schema: Placed,
        type: 'order.placed',
        key: 'id',
      }),
      to: 'orders',
    },
  },
});
// #endregion

// #region postgres-changes
const Account = z.object({
  id: z.int32(),
  name: z.string().optional(),
  since: z.iso.datetime().nullable().optional(),
});

export const accountCopy = definePipeline({
  name: 'account-copy',
  streams: { accounts: { schema: Account } },
  sources: {
    changes: {
      read: postgresChangesSource({
        tables: ['sales.accounts'],
        snapshot: 'initial',
        database: 'crm',
        publication: 'millrace',
        create: false,
      }),
      to: 'accounts',
    },
  },
  sinks: {
    copy: { from: 'accounts', write: postgresSink({ table: 'accounts', key: ['id'], mode: 'mirror' }) },
  },
});
// #endregion

// #region s3
export const salesLake = definePipeline({
  name: 'sales-lake',
  streams: { sales: streamOf(tills, 'sales') },
  sinks: {
    archive: {
      from: 'sales',
      write: s3Sink({
        prefix: 'sales',
        by: 'hour',
        fields: ['shop'],
        lines: 'data',
        compression: 'zstd',
        targetBytes: 32 * 1024 * 1024,
        targetRows: 250_000,
      }),
      every: minutes(5),
    },
    table: {
      from: 'sales',
      write: s3Sink({ prefix: 'sales-table', format: 'parquet', by: 'month', compact: hours(6) }),
      every: minutes(15),
    },
  },
});
// #endregion

// #region postgres
export const priceTables = definePipeline({
  name: 'price-tables',
  streams: { prices: streamOf(priceLists, 'prices') },
  sinks: {
    current: { from: 'prices', write: postgresSink({ table: 'prices', key: ['sku'], create: true, evolve: true }) },
    history: {
      from: 'prices',
      write: postgresSink({ table: 'price_history', create: true, database: 'warehouse' }),
      every: minutes(15),
    },
  },
});

/** The stream has events of the types customer.inserted, customer.updated and customer.deleted. */
export const customerCopy = definePipeline({
  name: 'customer-copy',
  streams: { customer_changes: { schema: z.object({ id: z.string(), name: z.string() }) } },
  sinks: {
    copy: {
      from: 'customer_changes',
      write: postgresSink({ table: 'customers', key: ['id'], mode: 'mirror', create: true }),
    },
  },
});
// #endregion

// #region iceberg
export const salesTables = definePipeline({
  name: 'sales-tables',
  streams: { sales: streamOf(tills, 'sales') },
  sinks: {
    all: { from: 'sales', write: icebergSink({ table: 'sales', by: 'day' }), every: minutes(5) },
    reports: {
      from: 'sales',
      write: icebergSink({
        namespace: 'reports',
        table: 'sales',
        catalog: 's3tables',
        tableBucket: 'north-analytics',
        lines: 'data',
        targetBytes: 32 * 1024 * 1024,
        targetRows: 250_000,
      }),
      every: minutes(15),
    },
    others: {
      from: 'sales',
      write: icebergSink({ namespace: 'finance', table: 'sales', location: 's3://finance-data/sales' }),
      every: hours(1),
    },
  },
});
// #endregion

// #region webhook
export const saleNotices = definePipeline({
  name: 'sale-notices',
  streams: { sales: streamOf(tills, 'sales') },
  sinks: {
    bookkeeping: {
      from: 'sales',
      write: webhookSink({
        url: 'https://books.example.com/sales',
        body: 'data',
        headers: { tenant: 'north' },
        signed: true,
        concurrency: 4,
        perSecond: 20,
        timeoutSeconds: 5,
      }),
    },
    channel: { from: 'sales', write: slackSink({ message: 'A sale in {data.shop}: *{data.total} €*' }) },
  },
});
// #endregion

// #region opensearch
export const priceSearch = definePipeline({
  name: 'price-search',
  streams: { prices: streamOf(priceLists, 'prices') },
  sinks: {
    current: {
      from: 'prices',
      write: openSearchSink({
        endpoint: 'https://search-shop-abcdefghijklmnopqrstuvwxyz.eu-west-1.es.amazonaws.com',
        arn: 'arn:aws:es:eu-west-1:123456789012:domain/shop',
        index: 'prices',
        tombstoneDays: 30,
      }),
    },
    every: {
      from: 'prices',
      write: openSearchSink({
        endpoint: 'https://search.example.com',
        index: 'price_history',
        document: 'event',
        create: false,
      }),
      every: minutes(5),
    },
  },
});
// #endregion

// #region dynamodb
export const priceItems = definePipeline({
  name: 'price-items',
  streams: { prices: streamOf(priceLists, 'prices') },
  sinks: {
    current: { from: 'prices', write: dynamoDbSink({ table: 'prices', tombstoneDays: 30 }) },
    every: { from: 'prices', write: dynamoDbSink({ table: 'price_history', item: 'event' }), every: minutes(5) },
  },
});
// #endregion
