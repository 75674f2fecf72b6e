import type { PostgresServer } from '../../clients/postgres-login.ts';
import type { SchemaField } from './tables.ts';

/** What is read, and from where. */
export interface Changes {
  readonly step: string;
  readonly server: PostgresServer;
  readonly tables: readonly ChosenTable[];
  readonly publication: string;
  /** Whether a missing publication is made. */
  readonly create: boolean;
  /** Whether the rows that the tables have already come into the stream, too; `paused`: later. */
  readonly snapshot: 'initial' | 'paused' | 'none';
}

/** A table as the pipeline names it. */
export interface ChosenTable {
  readonly written: string;
  /** The output that its events go to, where there are several. */
  readonly to: string | undefined;
  /** The fields of that stream's schema. */
  readonly fields: readonly SchemaField[];
}
