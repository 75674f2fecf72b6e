import { z } from 'zod';
import { parseOrExplain } from '../functions/runtime/step-config.ts';
import { Stage } from './names.ts';

const text = z.string().min(1);

/** A Postgres server that exists, instead of an RDS instance of the stage's own or beside it. */
const Database = strict({
  host: text,
  port: z.int().min(1).max(65_535).default(5_432),
  /** The database's name. */
  name: text,
  user: text,
  /** The ARN of a Secrets Manager secret: the user's password, as text or as `password` of a JSON object. */
  secret: text.optional(),
  /** Instead of a secret, of an RDS instance or Aurora cluster whose user logs in by IAM. */
  resourceId: z
    .string()
    .regex(/^(db|cluster)-[A-Z0-9]+$/, "is not the resource id of an RDS instance: 'db-…'")
    .optional(),
  /** Without it, the server has to show a certificate by one of RDS's authorities. */
  tls: z.literal('off').exactOptional(),
})
  .refine(({ host, tls }) => tls === undefined || ['127.0.0.1', 'localhost', '::1'].includes(host), {
    path: ['tls'],
    error: "'off' is for a server on this machine, which functions of an emulator call: leave it out",
  })
  .refine(({ secret, resourceId }) => (secret === undefined) !== (resourceId === undefined), {
    path: ['secret'],
    error: "a database has either a 'secret', the ARN of the password's, or a 'resourceId', to log in by IAM",
  });

export type GivenDatabase = z.infer<typeof Database>;

/**
 * A network that exists, instead of a VPC of the stage's own. Its owner sees to the endpoints of S3, DynamoDB and
 * Kinesis, and of Secrets Manager where a database's password is in a secret.
 */
const Network = strict({
  vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "is not the id of a VPC: 'vpc-…'"),
  subnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/, "is not the id of a subnet: 'subnet-…'")).min(2),
  /** Those that the functions get. */
  securityGroupIds: z
    .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, "is not the id of a security group: 'sg-…'"))
    .min(1),
});

/** What `-c key=value` and the `context` of cdk.json may say. Objects are JSON there. */
const Context = strict({
  stage: Stage.default('dev'),
  /** Those that are deployed: `orders,sensors`. All when not given. */
  pipelines: z
    .union([text.transform((names) => names.split(',').map((name) => name.trim())), z.array(text).min(1)])
    .optional(),
  /** Whether what holds data outlives its stack. */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /** Where alarms go. Nowhere when not given: they are seen in CloudWatch only. */
  alarms: z
    .string()
    .regex(
      /^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
      "is not the ARN of an SNS topic: 'arn:aws:sns:…'",
    )
    .optional(),
  database: Database.optional(),
  /** More databases, by the name that a sink's option `database` has. */
  databases: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,29}$/), Database).default({}),
  network: Network.optional(),
});

export type Context = z.infer<typeof Context>;

export const CONTEXT_KEYS: readonly string[] = Object.keys(Context.shape);

/** Throws a `UserMistake` that lists every wrong key and value, and what is allowed. */
export function parseContext(all: Readonly<Record<string, unknown>>): Context {
  const ours = Object.entries(all).filter(([key]) => !isOfCdk(key));
  return parseOrExplain(Context, Object.fromEntries(ours.map(([key, value]) => [key, fromJson(value)])), 'context');
}

/** An object that says of an unknown key which there are. */
function strict<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys as string[], shape) : undefined),
  });
}

function unknownKeys(keys: readonly string[], shape: z.ZodRawShape): string {
  return `${keys.map((key) => `'${key}'`).join(', ')}: no such key; there are ${Object.keys(shape).join(', ')}`;
}

/** The CDK and its command keep feature flags, switches and results of look-ups in the same place. */
function isOfCdk(key: string): boolean {
  return key.includes(':') || key.startsWith('@') || OF_CDK.includes(key);
}

const OF_CDK = ['acknowledged-issue-numbers', 'cli-telemetry'];

/** The command line gives texts. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
