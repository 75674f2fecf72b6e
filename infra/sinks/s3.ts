import { z } from 'zod';
import type { ParquetColumn } from '../../functions/sinks/s3/parquet/column-types.ts';
import { grownParquetColumns, parquetColumnsOfVersions } from '../../functions/sinks/s3/parquet/grown-columns.ts';
import type { AwsResources, Bucket, ColumnFault, ConnectorStep, LaptopResources, Needs, Statement } from '../needs.ts';
import { schemasOf } from '../schemas/schemas-of.ts';

/** The options that the grants and the resources depend on. */
const Options = z.object({
  prefix: z.string(),
  format: z.enum(['ndjson', 'parquet']).default('ndjson'),
  by: z.enum(['month', 'day', 'hour']).default('day'),
  lines: z.enum(['event', 'data', 'record']).default('event'),
  compact: z.number().optional(),
});

/**
 * Grants the sink to write below its prefix of the lake. It reads nothing there, because file names follow from the
 * range. Replays go below a prefix of their own, which the sink lists to see whether a destination is empty.
 */
export function s3OnAws(step: ConnectorStep, { lake }: AwsResources): Needs {
  const { prefix, compact } = Options.parse(step.options);
  const replays = `replays/${prefix}/*`;
  return {
    resources: { bucket: lake.name, ...columnsToWrite(step) },
    statements: [
      {
        why: 'writes the files of the lake',
        actions: ['s3:PutObject'],
        resources: [`${lake.arn}/${prefix}/*`, `${lake.arn}/${replays}`],
      },
      {
        why: 'sees whether the place of a replay is fresh',
        actions: ['s3:ListBucket'],
        resources: [lake.arn],
        conditions: { StringLike: { 's3:prefix': replays } },
      },
      ...(compact === undefined ? [] : compacts(lake, prefix)),
    ],
    network: undefined,
  };
}

/** What it takes to merge files: nothing below the prefix is read or deleted otherwise. */
function compacts({ arn }: Bucket, prefix: string): readonly Statement[] {
  const manifests = `compacted/${prefix}/*`;
  return [
    {
      why: 'merges small files of the lake',
      actions: ['s3:GetObject', 's3:DeleteObject'],
      resources: [`${arn}/${prefix}/*`, `${arn}/${manifests}`],
    },
    { why: 'writes what merged files replace', actions: ['s3:PutObject'], resources: [`${arn}/${manifests}`] },
    {
      why: 'finds small files of the lake',
      actions: ['s3:ListBucket'],
      resources: [arn],
      conditions: { StringLike: { 's3:prefix': [`${prefix}/*`, manifests] } },
    },
  ];
}

export function s3PrefixOf(options: unknown): string {
  return Options.parse(options).prefix;
}

/** Returns the prefix of a sink that makes an archive. Undefined: it makes none. */
export function archivePrefixOf(options: unknown): string | undefined {
  const { prefix, lines } = Options.parse(options);
  return lines === 'record' ? prefix : undefined;
}

export function s3OnLaptop(step: ConnectorStep, { lake }: LaptopResources): unknown {
  return { bucket: lake, ...columnsToWrite(step) };
}

/** Returns the columns of a sink that writes Parquet. */
function columnsToWrite(step: ConnectorStep): { readonly columns?: readonly ParquetColumn[] } {
  const parsed = Options.parse(step.options);
  return parsed.format === 'parquet' ? { columns: parquetColumnsOfVersions(schemasOf(step), parsed) } : {};
}

/** Finds the fields that no column of a Parquet file holds in all of their versions. NDJSON has no columns. */
export function s3Faults(step: Pick<ConnectorStep, 'options' | 'schema' | 'versions'>): readonly ColumnFault[] {
  const parsed = Options.parse(step.options);
  if (parsed.format !== 'parquet') return [];
  return grownParquetColumns(schemasOf(step), parsed).unfit.map(({ field, types }) => ({
    field,
    isCertain: true,
    message: `its column would be ${types.join(' for one version, and ')} for another, and no column holds both`,
    fix: 'give what is new another name',
  }));
}
