import type { z } from 'zod';

/**
 * What a connector needs from where it runs: resources for its function, and on AWS grants, a network, and what feeds
 * it. Plain data: names and ARNs may be tokens of the CDK, which only the constructs know.
 */
export interface Needs {
  /** By the connector's own `resources` schema. */
  readonly resources: unknown;
  readonly statements: readonly Statement[];
  /** Of the database that the function calls. Undefined: it calls none, or one that is reached from everywhere. */
  readonly network: FunctionNetwork | undefined;
}

/** Where functions run that call something which is not reached from everywhere. */
export interface FunctionNetwork {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

export interface RequestNeeds extends Needs {
  /**
   * Who may call the function's URL: principals that IAM allows, or anyone, because the source checks a token itself.
   */
  readonly callers: 'iam' | 'anyone';
}

export interface QueueNeeds extends Needs {
  /** The objects that are announced to the function's queue. */
  readonly announced: { readonly bucket: Bucket; readonly prefix: string };
}

/** A statement of a function's policy. */
export interface Statement {
  /** Lower case, no full stop. */
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
  /** Of the stream that it reads or writes. */
  readonly schema: z.ZodType;
}

export interface Bucket {
  readonly name: string;
  readonly arn: string;
}

/** What a stage has on AWS. */
export interface AwsResources {
  readonly landing: Bucket;
  readonly lake: Bucket;
  /** The stage's, or another one by its name. Throws a `UserMistake` when the context knows none of that name. */
  database(name: string | undefined): AwsDatabase;
  /** The ARN of a secret of this step, made with a random value. Asked for twice, it is the same secret. */
  secret(purpose: string): string;
}

export interface AwsDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly user: string;
  /** Encrypted and verified, without it. */
  readonly tls?: 'off';
  /** A secret with the user's password, or the ARN of the user for IAM authentication, `rds-db:connect`. */
  readonly authentication: { readonly secret: string } | { readonly userArn: string };
  readonly network: FunctionNetwork | undefined;
}

/** What this machine has. */
export interface LaptopResources {
  /** Names of buckets. */
  readonly landing: string;
  readonly lake: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly user: string;
    readonly password: string;
  };
}
