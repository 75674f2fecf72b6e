import { z } from 'zod';
import { UserMistake } from './errors.ts';

/**
 * The configuration of a function. It comes in one environment variable, `STEP_CONFIG`, because Lambda allows 4 KB of
 * environment in all. Only this file of functions/ reads the environment.
 */
export const StepConfig = z.strictObject({
  pipeline: z.string(),
  step: z.string(),
  /** The step's former name. The step goes on from the positions that are stored under it. */
  formerly: z.string().optional(),
  /** A hash of the function's bundle and options. Changed code makes events of a new source. */
  generation: z.string(),
  /** The name of the checkpoint table. */
  checkpoints: z.string(),
  /** The name of the dead-letter bucket. */
  deadLetters: z.string(),
  /** The stream that the step reads. */
  input: z
    .strictObject({
      /** Name or ARN. */
      stream: z.string(),
      /**
       * Prefixes of the sources whose events are deduplicated: `/<pipeline>/<step>/` of every step of ours that writes
       * into the stream.
       */
      own: z.array(z.string()),
      /**
       * Set when other producers' events are deduplicated too. Their sequences are then whole numbers
       * (foreign-marks.ts).
       */
      idempotent: z.literal(true).exactOptional(),
      /**
       * The position where a scheduled step starts: 'earliest', 'latest' or an RFC 3339 time. A continuous step starts
       * where its mapping does.
       */
      start: z.string().default('earliest'),
    })
    .optional(),
  /** The stream that the step writes. */
  output: z.strictObject({ stream: z.string(), compression: z.literal('zstd').exactOptional() }).optional(),
  /** The URL of the queue that announces items to a source. */
  queue: z.string().optional(),
  /** The options that the pipeline's author set. The connector's own schema checks them. */
  options: z.unknown().optional(),
  /** The resources that the environment provides. The connector's own schema checks them. */
  resources: z.unknown().optional(),
});

export type StepConfig = z.infer<typeof StepConfig>;

/** Reads the configuration from the environment. Throws a `UserMistake` that lists every path that is wrong. */
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
 * Parses a value by a schema. Throws one `UserMistake` with a line for each path that does not fit: what is wrong, and
 * what is allowed.
 */
export function parseOrExplain<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || what}: ${issue.message}`);
  throw new UserMistake(`${what} cannot be used:\n${lines.join('\n')}`);
}

/**
 * Returns true when the AWS SDK is pointed at another endpoint, such as an emulator. Buckets there have no host names
 * of their own.
 */
export function endpointIsOverridden(): boolean {
  return process.env.AWS_ENDPOINT_URL !== undefined || process.env.AWS_ENDPOINT_URL_S3 !== undefined;
}
