import type { AwsResources, ConnectorStep, LaptopResources, Needs, QueueNeeds, RequestNeeds } from './needs.ts';
import { postgresOnAws, postgresOnLaptop } from './sinks/postgres.ts';
import { s3OnAws, s3OnLaptop, s3PrefixOf } from './sinks/s3.ts';
import { httpOnAws, httpOnLaptop } from './sources/http.ts';
import { s3FilesOnAws, s3FilesOnLaptop } from './sources/s3-files.ts';

/**
 * Every connector, once: how it is fed, what it needs on AWS, what it is given on a laptop. A pipeline that uses one
 * that is not here does not compile, and neither does the contract suite without a case for each.
 */
export const connectors = {
  http: { kind: 'source', delivery: 'request', onAws: httpOnAws, onLaptop: httpOnLaptop },
  's3-files': { kind: 'source', delivery: 'queue', onAws: s3FilesOnAws, onLaptop: s3FilesOnLaptop },
  s3: {
    kind: 'sink',
    delivery: 'scheduled',
    progress: 'checkpoint',
    prefixOf: s3PrefixOf,
    onAws: s3OnAws,
    onLaptop: s3OnLaptop,
  },
  postgres: {
    kind: 'sink',
    delivery: 'either',
    progress: 'own',
    prefixOf: undefined,
    onAws: postgresOnAws,
    onLaptop: postgresOnLaptop,
  },
} as const satisfies Record<string, Connector>;

export type ConnectorName = keyof typeof connectors;
export type SourceName = NamesOf<'source'>;
export type SinkName = NamesOf<'sink'>;

/** The two kinds of source, and sinks. */
export type Connector =
  | ({ readonly kind: 'source'; readonly delivery: 'request' } & Places<RequestNeeds>)
  | ({ readonly kind: 'source'; readonly delivery: 'queue' } & Places<QueueNeeds>)
  | ({ readonly kind: 'sink' } & SinkFacts & Places<Needs>);

interface SinkFacts {
  /** One that takes large slices only is `scheduled`; the others may be. */
  readonly delivery: 'either' | 'scheduled';
  /** Whether it commits its positions with its rows, or the runtime keeps them in the checkpoint table. */
  readonly progress: 'own' | 'checkpoint';
  /** The part of the lake that it writes to, and no other sink may. Undefined: it does not write to the lake. */
  readonly prefixOf: ((options: unknown) => string) | undefined;
}

interface Places<N extends Needs> {
  readonly onAws: (step: ConnectorStep, places: AwsResources) => N;
  /** The function's resources there. */
  readonly onLaptop: (step: ConnectorStep, places: LaptopResources) => unknown;
}

type NamesOf<K extends Connector['kind']> = {
  [N in ConnectorName]: (typeof connectors)[N]['kind'] extends K ? N : never;
}[ConnectorName];
