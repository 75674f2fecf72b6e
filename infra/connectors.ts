import type {
  AwsResources,
  ColumnFault,
  ConnectorStep,
  LaptopResources,
  Needs,
  QueueNeeds,
  RequestNeeds,
} from './needs.ts';
import { dynamoDbOnAws, dynamoDbOnLaptop } from './sinks/dynamodb.ts';
import { icebergOnAws, icebergOnLaptop } from './sinks/iceberg.ts';
import { icebergFaults } from './sinks/iceberg-faults.ts';
import { openSearchOnAws, openSearchOnLaptop } from './sinks/opensearch.ts';
import { postgresOnAws, postgresOnLaptop } from './sinks/postgres.ts';
import { postgresFaults } from './sinks/postgres-faults.ts';
import { s3Faults, s3OnAws, s3OnLaptop, s3PrefixOf } from './sinks/s3.ts';
import { webhookOnAws, webhookOnLaptop } from './sinks/webhook.ts';
import { generatorOnAws, generatorOnLaptop } from './sources/generator.ts';
import { httpOnAws, httpOnLaptop } from './sources/http.ts';
import { mqttOnAws, mqttOnLaptop } from './sources/mqtt.ts';
import { postgresChangesOnAws, postgresChangesOnLaptop } from './sources/postgres-changes.ts';
import { postgresQueryOnAws, postgresQueryOnLaptop } from './sources/postgres-query.ts';
import { s3FilesOnAws, s3FilesOnLaptop } from './sources/s3-files.ts';

/**
 * Every connector, once: its delivery, its needs on AWS, and its resources on a laptop. A pipeline that uses a
 * connector that is not listed here does not compile; neither does a contract suite, nor docs/connectors.md's
 * generator, without an entry for each.
 */
export const connectors = {
  http: { kind: 'source', delivery: 'request', bundledResources: [], onAws: httpOnAws, onLaptop: httpOnLaptop },
  's3-files': {
    kind: 'source',
    delivery: 'queue',
    bundledResources: [],
    onAws: s3FilesOnAws,
    onLaptop: s3FilesOnLaptop,
  },
  generator: {
    kind: 'source',
    delivery: 'pulled',
    bundledResources: [],
    onAws: generatorOnAws,
    onLaptop: generatorOnLaptop,
  },
  mqtt: { kind: 'source', delivery: 'pulled', bundledResources: [], onAws: mqttOnAws, onLaptop: mqttOnLaptop },
  'postgres-query': {
    kind: 'source',
    delivery: 'pulled',
    bundledResources: [],
    onAws: postgresQueryOnAws,
    onLaptop: postgresQueryOnLaptop,
  },
  'postgres-changes': {
    kind: 'source',
    delivery: 'pulled',
    // A field for each of the stream's schema, without a bound.
    bundledResources: ['fields', 'outputs'],
    onAws: postgresChangesOnAws,
    onLaptop: postgresChangesOnLaptop,
  },
  s3: {
    kind: 'sink',
    delivery: 'scheduled',
    progress: 'checkpoint',
    prefixOf: s3PrefixOf,
    // Of Parquet: a column for each field of the schema, without a bound.
    bundledResources: ['columns'],
    columnFaults: s3Faults,
    onAws: s3OnAws,
    onLaptop: s3OnLaptop,
  },
  postgres: {
    kind: 'sink',
    delivery: 'either',
    progress: 'own',
    prefixOf: undefined,
    // A column for each field of the schema, without a bound.
    bundledResources: ['columns'],
    columnFaults: postgresFaults,
    onAws: postgresOnAws,
    onLaptop: postgresOnLaptop,
  },
  dynamodb: {
    kind: 'sink',
    delivery: 'either',
    progress: 'checkpoint',
    prefixOf: undefined,
    bundledResources: [],
    onAws: dynamoDbOnAws,
    onLaptop: dynamoDbOnLaptop,
  },
  iceberg: {
    kind: 'sink',
    delivery: 'scheduled',
    progress: 'checkpoint',
    prefixOf: undefined,
    // A column for each field of the schema, without a bound.
    bundledResources: ['columns'],
    columnFaults: icebergFaults,
    onAws: icebergOnAws,
    onLaptop: icebergOnLaptop,
  },
  opensearch: {
    kind: 'sink',
    delivery: 'either',
    progress: 'checkpoint',
    prefixOf: undefined,
    // A field for each of the stream's schema, without a bound.
    bundledResources: ['fields'],
    onAws: openSearchOnAws,
    onLaptop: openSearchOnLaptop,
  },
  webhook: {
    kind: 'sink',
    delivery: 'either',
    progress: 'checkpoint',
    prefixOf: undefined,
    bundledResources: [],
    onAws: webhookOnAws,
    onLaptop: webhookOnLaptop,
  },
} as const satisfies Record<string, Connector>;

export type ConnectorName = keyof typeof connectors;
export type SourceName = NamesOf<'source'>;
export type SinkName = NamesOf<'sink'>;

/** A source that answers requests, that reads a queue or that a schedule reads, or a sink. */
export type Connector =
  | ({ readonly kind: 'source'; readonly delivery: 'request' } & Environments<RequestNeeds>)
  | ({ readonly kind: 'source'; readonly delivery: 'queue' } & Environments<QueueNeeds>)
  | ({ readonly kind: 'source'; readonly delivery: 'pulled' } & Environments<Needs>)
  | ({ readonly kind: 'sink' } & SinkFacts & Environments<Needs>);

interface SinkFacts {
  /** `scheduled` for a sink that needs large slices; `either` lets the pipeline choose. */
  readonly delivery: 'either' | 'scheduled';
  /** `own` when the sink commits its positions with its rows; `checkpoint` when the runtime keeps them in its table. */
  readonly progress: 'own' | 'checkpoint';
  /** Returns the prefix in the lake that this sink alone writes to. Undefined: it does not write to the lake. */
  readonly prefixOf: ((options: unknown) => string) | undefined;
  /** Finds the fields that its columns do not hold. Left out for a sink without columns of its own. */
  readonly columnFaults?: (step: Pick<ConnectorStep, 'options' | 'schema' | 'versions'>) => readonly ColumnFault[];
}

interface Environments<N extends Needs> {
  /**
   * The names of resources that follow from the options and the stream's schema alone. They travel in the bundle, which
   * has no limit of size; the others in the environment, which Lambda limits to 4 KB.
   */
  readonly bundledResources: readonly string[];
  readonly onAws: (step: ConnectorStep, resources: AwsResources) => N;
  /** Returns values for the connector's `resources` schema. */
  readonly onLaptop: (step: ConnectorStep, resources: LaptopResources) => unknown;
}

type NamesOf<K extends Connector['kind']> = {
  [N in ConnectorName]: (typeof connectors)[N]['kind'] extends K ? N : never;
}[ConnectorName];
