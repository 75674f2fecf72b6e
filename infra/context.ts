import { z } from 'zod';
import { parseOrExplain } from '../functions/runtime/step-config.ts';
import { Stage } from './names.ts';

const text = z.string().min(1);

/** A Postgres server that exists, instead of an RDS instance of the stage's own. */
const Database = z
  .strictObject({
    host: text,
    port: z.int().min(1).max(65_535).default(5_432),
    /** The database's name. */
    name: text,
    user: text,
    /** The ARN of a Secrets Manager secret: the user's password, as text or as `password` of a JSON object. */
    secret: text,
    /** Without it, the server has to show a certificate by one of RDS's authorities. */
    tls: z.literal('off').exactOptional(),
  })
  .refine(({ host, tls }) => tls === undefined || ['127.0.0.1', 'localhost', '::1'].includes(host), {
    path: ['tls'],
    error: "'off' is for a server on this machine, which functions of an emulator call: leave it out",
  });

/** A network that exists, instead of a VPC of the stage's own. Its owner sees to the endpoints of S3, DynamoDB and Kinesis. */
const Network = z.strictObject({
  vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "is not the id of a VPC: 'vpc-…'"),
  subnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/, "is not the id of a subnet: 'subnet-…'")).min(2),
  /** Those that the functions get. */
  securityGroupIds: z
    .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, "is not the id of a security group: 'sg-…'"))
    .min(1),
});

/** What `-c key=value` and the `context` of cdk.json may say. Objects are JSON there. */
const SHAPE = {
  stage: Stage.default('dev'),
  database: Database.optional(),
  network: Network.optional(),
};

const Context = z.strictObject(SHAPE, {
  error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys as string[]) : undefined),
});

export type Context = z.infer<typeof Context>;

/** Throws a `UserMistake` that lists every wrong key and value, and what is allowed. */
export function parseContext(all: Readonly<Record<string, unknown>>): Context {
  const ours = Object.entries(all).filter(([key]) => !isOfCdk(key));
  return parseOrExplain(Context, Object.fromEntries(ours.map(([key, value]) => [key, fromJson(value)])), 'context');
}

function unknownKeys(keys: readonly string[]): string {
  return `${keys.map((key) => `'${key}'`).join(', ')}: no such key; there are ${Object.keys(SHAPE).join(', ')}`;
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
