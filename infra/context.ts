import { z } from 'zod';
import { parseOrExplain } from '../functions/runtime/step-config.ts';
import { DatabaseClass } from './database-classes.ts';
import { GivenDatabase } from './given-database.ts';
import { KEY_ARN, KEY_ARN_RULE } from './key-arn.ts';
import { Stage } from './names.ts';
import { strict } from './strict-object.ts';

const text = z.string().min(1);

/**
 * An existing network, in place of the stage's own VPC. It must have endpoints for S3, DynamoDB and Kinesis, and for
 * Secrets Manager when a database's password is in a secret.
 */
const Network = strict({
  vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "is not the id of a VPC: 'vpc-…'"),
  subnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/, "is not the id of a subnet: 'subnet-…'")).min(2),
  /** The security groups of the functions. */
  securityGroupIds: z
    .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, "is not the id of a security group: 'sg-…'"))
    .min(1),
});

/** The zones of the stage's own network, in place of the first two that AWS lists for the account. */
const Zones = listOf(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, "is not the name of a zone: 'eu-west-1a'"))
  .refine((zones) => zones.length >= 2, { error: 'a database needs at least two zones: eu-west-1a,eu-west-1b' })
  .refine((zones) => new Set(zones).size === zones.length, { error: 'name each zone once' });

/** The keys of `-c key=value` and of the `context` in cdk.json. On the command line, objects are JSON. */
const Context = strict({
  stage: Stage.default('dev'),
  /** The pipelines to deploy: `orders,sensors`. All by default. */
  pipelines: listOf(text).optional(),
  /** Whether resources that hold data outlive their stack. */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /** The ARN of the SNS topic that alarms notify. By default they only show in CloudWatch. */
  alarms: z
    .string()
    .regex(
      /^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
      "is not the ARN of an SNS topic: 'arn:aws:sns:…'",
    )
    .optional(),
  database: GivenDatabase.optional(),
  /** The class of the stage's own database. By default the smallest of these. */
  databaseClass: DatabaseClass.optional(),
  /** More databases, by the name that sinks use in their option `database`. */
  databases: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,29}$/), GivenDatabase).default({}),
  network: Network.optional(),
  zones: Zones.optional(),
  /**
   * Where functions run that carry machine code, such as DuckDB: `lambda`, or `here` for an endpoint that runs
   * functions on this machine.
   */
  native: z.enum(['lambda', 'here']).default('lambda'),
  /**
   * The ARN of the customer managed KMS key for the secrets that the stage makes: the tokens of HTTP sources. By
   * default AWS's own key for Secrets Manager.
   */
  key: z.string().regex(KEY_ARN, KEY_ARN_RULE).optional(),
}).superRefine(({ zones, network, database, databaseClass }, context) => {
  if (databaseClass !== undefined && database !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['databaseClass'],
      message:
        "the class is of the database that the stage creates, and with 'database' it creates none: leave one of them out",
    });
  if (zones === undefined || (network === undefined && database === undefined)) return;
  const given = network === undefined ? 'database' : 'network';
  context.addIssue({
    code: 'custom',
    path: ['zones'],
    message: `zones are for the network that the stage creates, and with '${given}' it creates none: leave one of them out`,
  });
});

export type Context = z.infer<typeof Context>;

export const CONTEXT_KEYS: readonly string[] = Object.keys(Context.shape);

/** Parses the context. Throws a `UserMistake` that lists every wrong key and value, and what is allowed. */
export function parseContext(all: Readonly<Record<string, unknown>>): Context {
  const ours = Object.entries(all).filter(([key]) => !isOfCdk(key));
  return parseOrExplain(Context, Object.fromEntries(ours.map(([key, value]) => [key, fromJson(value)])), 'context');
}

/** Makes a schema of a list: as on the command line, with commas, or as in cdk.json. */
function listOf(item: z.ZodType<string>) {
  const withCommas = text.transform((items) => items.split(',').map((each) => each.trim()));
  return z.union([withCommas, z.array(z.unknown())]).pipe(z.array(item).min(1));
}

/** True for the CDK's own keys: it keeps feature flags, switches and results of look-ups in the context too. */
function isOfCdk(key: string): boolean {
  return key.includes(':') || key.startsWith('@') || OF_CDK.includes(key);
}

const OF_CDK = ['acknowledged-issue-numbers', 'cli-telemetry'];

/** Parses a value of the command line that is a JSON object or list. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
