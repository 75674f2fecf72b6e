import { z } from 'zod';
import { s3Client } from '../../runtime/aws/s3.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { type Sleep, sleepFor } from '../../runtime/log/back-off.ts';
import { defineSink, type OpenSink, type Sink, type SinkDefinition } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { endpointIsOverridden, parseOrExplain } from '../../runtime/step-config.ts';
import { ATTRIBUTES } from '../s3/parquet/attributes.ts';
import { ParquetColumn } from '../s3/parquet/column-types.ts';
import { parquetFiles } from '../s3/parquet/parquet-file.ts';
import { statementsFor, writtenWith } from '../s3/parquet/statements.ts';
import { openCatalog, type TableAddress } from './catalog/rest-catalog.ts';
import { type Send, sendByFetch } from './catalog/send.ts';
import { openCommitter } from './committer.ts';
import { writeDataFiles } from './data-files.ts';
import { openTableFiles } from './files.ts';
import { type IcebergOptions, Options, REPLAYED } from './options.ts';
import { readyTable } from './ready-table.ts';
import { partitioningOf } from './table/partitioning.ts';
import { propertiesOf } from './table/step-properties.ts';

const Resources = z.strictObject({
  stage: z.string().min(1),
  /** Where the catalogue answers, without a slash at its end. */
  endpoint: z.url(),
  /** The service that requests are signed for. Undefined: on a laptop. */
  signedFor: z.enum(['glue', 's3tables']).optional(),
  warehouse: z.string(),
  /** The namespace of a sink whose options name none. The sink makes it. */
  namespace: z.string().min(1),
  /** The folder of new tables, without a slash at its end. Undefined: the catalogue chooses. */
  folder: z.string().optional(),
  /** The columns of the events' data, derived from the stream's schema. */
  columns: z.array(ParquetColumn).min(1),
});
type Resources = z.infer<typeof Resources>;

/**
 * Adds the events of a stream to an Iceberg table, as rows of Parquet files. Each commit also sets the position that
 * the table has in each shard, as a property of the table. So the table itself says which slices it has: a slice is
 * written again after a crash, and added only where the table's position is before it.
 *
 * An event becomes a dead letter when a column's type cannot hold a value, or when its time is not valid.
 */
export const icebergDefinition = icebergOver({ send: sendByFetch, makeFiles: parquetFiles });

/** Returns the definition over another way to ask the catalogue, to make files and to wait, for tests. */
export function icebergOver({
  send,
  makeFiles,
  sleep = sleepFor,
}: {
  readonly send: Send;
  readonly makeFiles: typeof parquetFiles;
  readonly sleep?: Sleep;
}): SinkDefinition<IcebergOptions, Resources> {
  return defineSink({
    options: Options,
    resources: Resources,
    into: (options, place) => ({ ...options, table: `${options.table}${REPLAYED}${place}`, location: undefined }),
    doubles: () => true,
    open({ step, formerly, options, resources, notes }): OpenSink {
      const { columns, stage } = resources;
      const address = addressOf(options, resources);
      const called = `${address.namespace}.${address.table}`;
      const catalog = openCatalog(address, send);
      const files = openTableFiles(s3Client({ pathStyle: endpointIsOverridden() }));
      const properties = propertiesOf(stage, step, formerly);
      const { now, random } = { now: () => Date.now(), random: () => Math.random() };
      const committer = openCommitter({ catalog, store: files, properties, called, notes, sleep, now, random });
      const attributes = options.lines === 'event' ? ATTRIBUTES : [];
      const { folder, signedFor } = resources;
      // On a laptop there are no other buckets, and nobody else makes a namespace.
      const isLaptop = signedFor === undefined;
      const making = {
        catalog,
        called,
        columns: { attributes, data: columns },
        by: options.by,
        location:
          (isLaptop ? undefined : options.location) ??
          (folder === undefined ? undefined : `${folder}/${address.namespace}/${address.table}`),
        makesNamespace: options.namespace === undefined || isLaptop,
      };
      return {
        async write(slice) {
          const { shard, from, to, signal } = slice;
          const { table, fit } = await readyTable(making, committer, signal);
          const stored = properties.positionIn(table, shard);
          const statements = statementsFor(fit.columns, options.lines, writtenWith(`FIELD_IDS ${fit.fieldIds}`));
          const { files: written, rejections } = await writeDataFiles(slice, {
            files,
            folder: (table.properties['write.data.path'] ?? `${table.location}/data`).replace(/\/$/, ''),
            options,
            partitioning: partitioningOf(table),
            contentOf: makeFiles(fit.columns, options.lines, statements),
            after: stored,
          });
          signal.throwIfAborted();
          const after = stored !== undefined && (from === undefined || stored > from) ? stored : from;
          if (written.length > 0) await committer.commit({ shard, after, to, files: written, signal });
          return rejections;
        },
        tidy: ({ signal }) => committer.renew(signal),
        async isEmpty(signal) {
          const table = await catalog.load(signal);
          return table?.current === undefined;
        },
      };
    },
  });
}

function addressOf(
  { table, namespace }: IcebergOptions,
  { endpoint, signedFor, warehouse, namespace: ofStage }: Resources,
): TableAddress {
  return { endpoint, signedFor, warehouse, namespace: namespace ?? ofStage, table };
}

/**
 * Adds a stream to an Iceberg table: `icebergSink({ table: 'orders', by: 'day' })`. docs/connectors.md explains every
 * option, in the words of `Options`.
 */
export function icebergSink(
  options: z.input<typeof Options>,
): Sink<unknown, 'scheduled'> & { readonly connector: 'iceberg'; readonly options: IcebergOptions } {
  const parsed = parseOrExplain(Options, options, 'icebergSink');
  if (parsed.table.includes(REPLAYED))
    throw new UserMistake(
      `icebergSink cannot be used:\n  table: '${parsed.table}' has two _ in a row, which stand before the name of a replay`,
    );
  return { connector: 'iceberg', entry: import.meta.url, options: parsed, delivery: 'scheduled' };
}

export const handler = sinkHandler(icebergDefinition);
