import type { z } from 'zod';
import type { SchemaVersion } from './schemas/version.ts';

/**
 * The needs of a connector: resources for its function and, on AWS, permissions and a network. Plain data. Names and
 * ARNs may be CDK tokens, which only the constructs resolve.
 */
export interface Needs {
  /** Values for the connector's `resources` schema. */
  readonly resources: unknown;
  readonly statements: readonly Statement[];
  /** The network of the database that the function calls. Undefined: no database, or one that needs no network. */
  readonly network: FunctionNetwork | undefined;
}

/** The network for functions that call something inside of it. */
export interface FunctionNetwork {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

export interface RequestNeeds extends Needs {
  /** Who may call the function's URL: principals that IAM allows, or anyone when the source checks a token itself. */
  readonly callers: 'iam' | 'anyone';
}

export interface QueueNeeds extends Needs {
  /** The objects whose creation is announced to the function's queue. */
  readonly announced: { readonly bucket: Bucket; readonly prefix: string };
}

/** A statement of a function's policy. */
export interface Statement {
  /** The reason, in lower case without a full stop. It becomes the statement's `Sid`. */
  readonly why: string;
  readonly effect?: 'deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** The step that uses a connector. */
export interface ConnectorStep {
  readonly pipeline: string;
  readonly name: string;
  readonly options: unknown;
  /** The schema of the stream that the step reads or writes. */
  readonly schema: z.ZodType;
  /** The versions of this schema, the oldest first. Undefined: it is the only one. */
  readonly versions?: readonly SchemaVersion[] | undefined;
  /** The schemas of the streams of a source that writes several, by the names of its outputs. */
  readonly outputs?: Readonly<Record<string, z.ZodType>>;
}

/** A field for which a sink has no column, or one that does not hold all of its values. */
export interface ColumnFault {
  readonly field: string;
  /** True when rows would be refused; false when that depends on what people have done to the table. */
  readonly isCertain: boolean;
  /** Continues a sentence about the field. */
  readonly message: string;
  readonly fix: string;
}

export interface Bucket {
  readonly name: string;
  readonly arn: string;
}

/** The resources of a stage on AWS. */
export interface AwsResources {
  readonly landing: Bucket;
  readonly lake: Bucket;
  /**
   * Finds the stage's database, or another one by name. Throws a `UserMistake` when the context has none of that name.
   */
  database(name: string | undefined): AwsDatabase;
  /**
   * The DynamoDB tables that the stage's users make: what their names begin with, and the ARN of one of them. The names
   * of indices of OpenSearch begin in the same way.
   */
  readonly tables: { readonly prefix: string; arnOf(name: string): string };
  /** The stage and its account: for connectors of services that the stage itself does not use. */
  readonly account: {
    readonly stage: string;
    readonly id: string;
    readonly region: string;
    arnOf(service: string, resource: string): string;
    bucketArnOf(bucket: string): string;
  };
  /** Returns a secret of this step with a random value. The same purpose gives the same secret. */
  secret(purpose: string): KeptSecret;
}

/** A secret, and the customer managed key that encrypts it. Without a key, it has AWS's own for Secrets Manager. */
export interface KeptSecret {
  /** The whole ARN, with the six characters that Secrets Manager adds to the name. */
  readonly secret: string;
  readonly key?: string | undefined;
}

/** The secret with the user's password, or the ARN of the user for IAM's `rds-db:connect`. */
export type Authentication = KeptSecret | { readonly userArn: string };

export interface AwsDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly user: string;
  /** By default the connection is encrypted and the server's certificate verified. */
  readonly tls?: 'off';
  /** Who signed the certificate of a server that is not RDS: certificates as PEM, or `public`. */
  readonly ca?: string;
  readonly authentication: Authentication;
  /** The user that reads tables for operators. Undefined: there is none, so nobody asks this database. */
  readonly reader: { readonly user: string; readonly authentication: Authentication } | undefined;
  readonly network: FunctionNetwork | undefined;
}

/** The resources of a stage on this machine. */
export interface LaptopResources {
  /** The names of the two buckets. */
  readonly landing: string;
  readonly lake: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly user: string;
    readonly password: string;
  };
  /** What the names of the tables of DynamoDB and of the indices of OpenSearch begin with. */
  readonly tablePrefix: string;
  /** The endpoint that takes the requests of webhooks in place of other machines. */
  readonly webhooks: string;
  /** The catalogue of Iceberg tables, and the stage that the names of its properties carry. */
  readonly iceberg: { readonly stage: string; readonly endpoint: string };
  /** The endpoint that takes the documents of OpenSearch sinks in place of other machines. */
  readonly search: string;
}
