import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserMistake } from './errors.ts';

const Output = z.strictObject({
  /** Name or ARN. */
  stream: z.string(),
  compression: z.literal('zstd').exactOptional(),
  /**
   * The most bytes of a record. Missing in functions that were deployed before the plan said so: they describe the
   * stream.
   */
  maxRecordBytes: z.number().int().positive().exactOptional(),
});

/**
 * The configuration of a function. What its code and options decide is a file of its bundle, of any size. The rest is
 * in one environment variable, `STEP_CONFIG`, because Lambda allows 4 KB of environment in all. Only this file of
 * functions/ reads the environment.
 */
export const StepConfig = z.strictObject({
  /** Metrics carry it, so that the alarms of one stage do not ring for another. Earlier versions did not say it. */
  stage: z.string().default('unknown'),
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
       * where its mapping does; of a table it says where that is.
       */
      start: z.string().default('earliest'),
      /** Where an S3 sink keeps the records of the stream, for a table that is made again (archive/). */
      archive: z.strictObject({ bucket: z.string(), prefix: z.string() }).exactOptional(),
    })
    .optional(),
  /**
   * Which ticks of its input the step waits for (time/clock.ts). Set for a table with windows, and for the transforms
   * before it, which pass the ticks on.
   */
  time: z
    .strictObject({ steps: z.array(z.string()), scheduled: z.boolean(), until: z.number().exactOptional() })
    .optional(),
  /**
   * The versions of schemas that the code knows. It is a part of the bundle, because it changes with the code. Missing:
   * no version is locked, and the step takes events of any.
   */
  versions: z
    .strictObject({
      /** Those of the input, if the step has to know them: it waits for its deployment at an event of another one. */
      reads: z.array(z.string()).exactOptional(),
      /** That of the output's events. Missing: the first one, which events do not carry. */
      writes: z.string().exactOptional(),
      /** The same for each output of a source that writes several streams. */
      outputs: z.record(z.string(), z.string()).exactOptional(),
    })
    .exactOptional(),
  /** The stream that the step writes. */
  output: Output.optional(),
  /** The streams of a source that writes several, by the names of its outputs. */
  outputs: z.record(z.string(), Output).exactOptional(),
  /**
   * The names of all pipelines of the stage. Only a source has them. Missing in sources that were deployed before.
   */
  pipelines: z.array(z.string()).optional(),
  /** The URL of the queue that announces items to a source. */
  queue: z.string().optional(),
  /** The options that the pipeline's author set. The connector's own schema checks them. */
  options: z.unknown().optional(),
  /** The resources that the environment provides. The connector's own schema checks them. */
  resources: z.unknown().optional(),
});

export type StepConfig = z.infer<typeof StepConfig>;

/**
 * The part in the environment. Functions that were deployed before the parts were divided have the whole configuration
 * there.
 */
export const EnvironmentConfig = StepConfig.partial({ generation: true });

export type EnvironmentConfig = z.infer<typeof EnvironmentConfig>;

/** The part in the bundle: it changes together with the code, never before or after it. */
export interface BundledConfig {
  readonly generation: string;
  readonly pipelines?: readonly string[];
  readonly time?: StepConfig['time'];
  readonly versions?: NonNullable<StepConfig['versions']>;
  readonly options?: unknown;
  /** Resources that follow from the options and the stream's schema. */
  readonly resources?: Readonly<Record<string, unknown>>;
}

/** The file of a bundle with the `BundledConfig`, beside the function's code. */
export const BUNDLED_CONFIG_FILE = 'step.json';

/**
 * Reads the configuration from the environment and the bundle. Throws a `UserMistake` that lists every path that is
 * wrong.
 */
export function readStepConfig(): StepConfig {
  const text = process.env.STEP_CONFIG;
  if (text === undefined)
    throw new UserMistake('the environment variable STEP_CONFIG is missing: deploy the function with its pipeline');
  return parseStepConfig(text, readBundledConfig());
}

/** Reads the bundle's part. Undefined: the function has none; its whole configuration is in the environment. */
function readBundledConfig(): string | undefined {
  try {
    return readFileSync(new URL(BUNDLED_CONFIG_FILE, import.meta.url), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Joins the parts of a configuration. The bundle's values win: they belong to the code that is running. */
export function parseStepConfig(environment: string, bundled = '{}'): StepConfig {
  const outside = jsonOf(environment, 'STEP_CONFIG');
  const inside = jsonOf(bundled, BUNDLED_CONFIG_FILE) as Partial<BundledConfig>;
  return parseOrExplain(StepConfig, isObject(outside) ? joined(outside, inside) : outside, 'STEP_CONFIG');
}

function joined(outside: Readonly<Record<string, unknown>>, inside: Partial<BundledConfig>): object {
  if (inside.resources === undefined) return { ...outside, ...inside };
  return { ...outside, ...inside, resources: { ...(outside.resources as object | undefined), ...inside.resources } };
}

/** Parses the environment's part of another function's configuration. */
export function parseEnvironmentConfig(text: string): EnvironmentConfig {
  return parseOrExplain(EnvironmentConfig, jsonOf(text, 'STEP_CONFIG'), 'STEP_CONFIG');
}

function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserMistake(`${what} is not JSON: ${(error as Error).message}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
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
