import { z } from 'zod';
import { parquetColumnsOfVersions } from '../../functions/sinks/s3/parquet/grown-columns.ts';
import type { AwsResources, ConnectorStep, LaptopResources, Needs, Statement } from '../needs.ts';
import { schemasOf } from '../schemas/schemas-of.ts';

/** The options that the grants and the resources depend on. */
const Options = z.object({
  table: z.string(),
  namespace: z.string().optional(),
  catalog: z.enum(['glue', 's3tables']).default('glue'),
  tableBucket: z.string().optional(),
  location: z.string().optional(),
  lines: z.enum(['event', 'data']).default('event'),
});
type Options = z.output<typeof Options>;

/** The folder of the lake that tables lie in which the sink makes. */
const FOLDER = 'iceberg';

/** Lets the sink commit to its table, and to those that its replays fill, in one of AWS's two catalogues. */
export function icebergOnAws(step: ConnectorStep, resources: AwsResources): Needs {
  const options = Options.parse(step.options);
  return options.catalog === 'glue' ? inGlue(step, options, resources) : inS3Tables(step, options, resources);
}

function inGlue(step: ConnectorStep, options: Options, { lake, account }: AwsResources): Needs {
  const { table, namespace: given, location } = options;
  const namespace = given ?? ownNamespace(account.stage);
  const arnOf = (resource: string): string => account.arnOf('glue', resource);
  const parents = [arnOf('catalog'), arnOf(`database/${namespace}`)];
  const tables = [table, `${table}__*`].map((name) => arnOf(`table/${namespace}/${name}`));
  const replays = `${lake.arn}/${FOLDER}/${namespace}/${table}__*/*`;
  const folder =
    location === undefined
      ? `${lake.arn}/${FOLDER}/${namespace}/${table}/*`
      : `${account.bucketArnOf(location.slice('s3://'.length))}/*`;
  return {
    resources: {
      ...common(step, options, account.stage),
      endpoint: `https://glue.${account.region}.amazonaws.com/iceberg`,
      signedFor: 'glue',
      warehouse: account.id,
      folder: `s3://${lake.name}/${FOLDER}`,
    },
    statements: [
      {
        why: 'commits to its table',
        actions: ['glue:GetTable', 'glue:CreateTable', 'glue:UpdateTable'],
        resources: [...parents, ...tables],
      },
      {
        why: 'finds the catalogue and the database',
        actions: ['glue:GetCatalog', 'glue:GetDatabase', ...(given === undefined ? ['glue:CreateDatabase'] : [])],
        resources: parents,
      },
      {
        why: 'reads and writes the files of its table',
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [folder, replays],
      },
    ],
    network: undefined,
  };
}

function inS3Tables(step: ConnectorStep, options: Options, { account }: AwsResources): Needs {
  const { namespace: given, tableBucket = '' } = options;
  const bucket = account.arnOf('s3tables', `bucket/${tableBucket}`);
  const statements: readonly Statement[] = [
    {
      why: 'finds the table bucket and makes its table',
      actions: [
        ...['s3tables:GetTableBucket', 's3tables:GetNamespace', 's3tables:CreateTable'],
        ...(given === undefined ? ['s3tables:CreateNamespace'] : []),
      ],
      resources: [bucket],
    },
    {
      why: 'commits to its table and writes its files',
      actions: [
        ...['s3tables:GetTable', 's3tables:GetTableMetadataLocation', 's3tables:UpdateTableMetadataLocation'],
        ...['s3tables:GetTableData', 's3tables:PutTableData'],
      ],
      // The ARN of a table has an id that nobody knows before.
      resources: [`${bucket}/table/*`],
      conditions: { StringEquals: { 's3tables:namespace': given ?? ownNamespace(account.stage) } },
    },
  ];
  return {
    resources: {
      ...common(step, options, account.stage),
      endpoint: `https://s3tables.${account.region}.amazonaws.com/iceberg`,
      signedFor: 's3tables',
      warehouse: bucket,
    },
    statements,
    network: undefined,
  };
}

/** What the catalogue of this machine is asked about. */
export const LAPTOP = 'laptop';

/** On a laptop, one catalogue of this machine stands for both. */
export function icebergOnLaptop(step: ConnectorStep, { iceberg, lake }: LaptopResources): unknown {
  return {
    ...common(step, Options.parse(step.options), iceberg.stage),
    endpoint: iceberg.endpoint,
    warehouse: LAPTOP,
    folder: `s3://${lake}/${FOLDER}`,
  };
}

function common(step: ConnectorStep, { lines }: Options, stage: string) {
  // The rows lie in no folders, so no column is taken by one.
  return { stage, namespace: ownNamespace(stage), columns: parquetColumnsOfVersions(schemasOf(step), { lines }) };
}

/** Names the namespace of a stage's tables whose sinks name none. */
export function ownNamespace(stage: string): string {
  return `millrace_${stage}`;
}
