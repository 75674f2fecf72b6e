import { z } from 'zod';
import { UserMistake } from './errors.ts';

/**
 * What a function is told: one environment variable, `STEP_CONFIG`, because Lambda allows 4 KB of environment in all.
 * This is the only file of functions/ that reads the environment.
 */
export const StepConfig = z.strictObject({
  pipeline: z.string(),
  step: z.string(),
  /** The name that the step had before: it goes on from the positions that it left under that name. */
  formerly: z.string().optional(),
  /** The hash of the function's bundle and options: changed code makes events of a new source. */
  generation: z.string(),
  /** The checkpoint table's name. */
  checkpoints: z.string(),
  /** The dead-letter bucket's name. */
  deadLetters: z.string(),
  /** The stream that the step reads. */
  input: z
    .strictObject({
      /** Name or ARN. */
      stream: z.string(),
      /**
       * Sources whose events are deduplicated, as prefixes: `/<pipeline>/<step>/` of every step of ours that writes to
       * it.
       */
      own: z.array(z.string()),
      /** Other producers' events are deduplicated too: their sequences are whole numbers (foreign-marks.ts). */
      idempotent: z.literal(true).exactOptional(),
      /**
       * Where a scheduled step starts: 'earliest', 'latest' or an RFC 3339 time. A continuous one starts where its
       * mapping does.
       */
      start: z.string().default('earliest'),
    })
    .optional(),
  /** The stream that the step writes. */
  output: z.strictObject({ stream: z.string(), compression: z.literal('zstd').exactOptional() }).optional(),
  /** The queue that announces items to a source: its URL. */
  queue: z.string().optional(),
  /** What the pipeline's author chose, checked by the connector's own schema. */
  options: z.unknown().optional(),
  /** What the environment provides, checked by the connector's own schema. */
  resources: z.unknown().optional(),
});

export type StepConfig = z.infer<typeof StepConfig>;

/** Throws a `UserMistake` that lists every path that is wrong. */
export function readStepConfig(): StepConfig {
  const text = process.env.STEP_CONFIG;
  if (text === undefined)
    throw new UserMistake('the environment variable STEP_CONFIG is missing: deploy the function with its pipeline');
  return parseStepConfig(text);
}

export function parseStepConfig(text: string): StepConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserMistake(`STEP_CONFIG is not JSON: ${(error as Error).message}`);
  }
  return parseOrExplain(StepConfig, json, 'STEP_CONFIG');
}

/**
 * Parses by a schema; what does not fit becomes one `UserMistake` with a line for each path: what is wrong, what is
 * allowed.
 */
export function parseOrExplain<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || what}: ${issue.message}`);
  throw new UserMistake(`${what} cannot be used:\n${lines.join('\n')}`);
}

/**
 * Whether the AWS SDK has been pointed at another endpoint, such as an emulator, whose buckets have no host names of
 * their own.
 */
export function endpointIsOverridden(): boolean {
  return process.env.AWS_ENDPOINT_URL !== undefined || process.env.AWS_ENDPOINT_URL_S3 !== undefined;
}
