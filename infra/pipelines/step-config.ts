import { UserMistake } from '../../functions/runtime/errors.ts';
import type { BundledConfig, EnvironmentConfig, StepConfig } from '../../functions/runtime/step-config.ts';
import { type Connector, connectors } from '../connectors.ts';
import { versionOf } from '../schemas/version.ts';
import type { ReaderPlan, StepPlan } from './plan.ts';
import type { StreamPlan } from './streams.ts';

/** What the target that a step runs on provides for it. */
export interface StepTarget {
  readonly stage: string;
  readonly checkpoints: string;
  readonly deadLetters: string;
  /** The name of the lake's bucket. */
  readonly lake: string;
  readonly generation: string;
  readonly queue?: string;
  readonly resources?: unknown;
  /** Returns a stream's name or ARN. */
  nameOf(stream: StreamPlan): string;
}

/** Makes a step's configuration. */
export function stepConfigOf(step: StepPlan, target: StepTarget): StepConfig {
  const { stage, checkpoints, deadLetters, generation, queue, resources, nameOf } = target;
  return {
    stage,
    pipeline: step.pipeline,
    step: step.name,
    generation,
    checkpoints,
    deadLetters,
    ...(step.formerly === undefined ? {} : { formerly: step.formerly }),
    ...(step.kind === 'source' ? { pipelines: [...step.pipelines] } : { input: inputConfigOf(step, target) }),
    ...('input' in step && step.input.time !== undefined ? { time: step.input.time } : {}),
    ...('output' in step && step.output !== undefined ? { output: outputConfigOf(step.output, nameOf) } : {}),
    ...('outputs' in step && step.outputs !== undefined ? { outputs: outputConfigsOf(step.outputs, nameOf) } : {}),
    ...versionsOf(step),
    ...(queue === undefined ? {} : { queue }),
    ...(step.options === undefined ? {} : { options: step.options }),
    ...(resources === undefined ? {} : { resources }),
  };
}

/** Returns the versions that the code of a step knows: of what it reads, and of what it writes. */
function versionsOf(step: StepPlan): Pick<StepConfig, 'versions'> {
  const reads = step.kind !== 'source' && looksAtFields(step) ? step.input.stream.versions : undefined;
  const writes = 'output' in step ? writtenVersion(step.output) : undefined;
  const outputs = Object.entries(('outputs' in step && step.outputs) || {}).flatMap(([name, stream]) => {
    const version = writtenVersion(stream);
    return version === undefined ? [] : [[name, version] as const];
  });
  const versions = {
    ...(reads === undefined ? {} : { reads: reads.map(({ version }) => version) }),
    ...(writes === undefined ? {} : { writes }),
    ...(outputs.length === 0 ? {} : { outputs: Object.fromEntries(outputs) }),
  };
  return Object.keys(versions).length === 0 ? {} : { versions };
}

/** A sink without columns passes on what it gets, so no version is new to it. */
function looksAtFields(step: ReaderPlan): boolean {
  if (step.kind !== 'sink') return true;
  const connector: Connector = connectors[step.connector];
  const columnFaults = connector.kind === 'sink' ? connector.columnFaults : undefined;
  const { format } = (step.options ?? {}) as { readonly format?: unknown };
  return columnFaults !== undefined && format !== 'ndjson';
}

/** The first version is not written into events: streams whose schema never changes stay as they are. */
function writtenVersion(stream: StreamPlan | undefined): string | undefined {
  if (stream?.versions === undefined) return undefined;
  const { version } = versionOf(stream.schema);
  return version === stream.versions[0]?.version ? undefined : version;
}

/** The two ways in which a function gets its configuration. */
export interface StepConfigParts {
  /** What the environment decides: the variable `STEP_CONFIG`. */
  readonly environment: EnvironmentConfig;
  /** What follows from the code, the options and the schema, of any size: a file of the bundle. */
  readonly bundled: BundledConfig;
}

/**
 * Makes a step's configuration in two parts, for AWS and laptop alike. Throws a `UserMistake` when the first is larger
 * than Lambda's environment allows.
 */
export function stepConfigPartsOf(step: StepPlan, target: StepTarget): StepConfigParts {
  const { generation, pipelines, time, versions, options, resources, ...rest } = stepConfigOf(step, target);
  const isBundled = ([name]: [string, unknown]): boolean =>
    'connector' in step && connectors[step.connector].bundledResources.some((bundled) => bundled === name);
  const entries = Object.entries(resources ?? {});
  const inBundle = entries.filter(isBundled);
  const environment = {
    ...rest,
    ...(resources === undefined ? {} : { resources: Object.fromEntries(entries.filter((entry) => !isBundled(entry))) }),
  };
  refuseTooLarge(step, environment);
  return {
    environment,
    bundled: {
      generation,
      ...(pipelines === undefined ? {} : { pipelines }),
      ...(time === undefined ? {} : { time }),
      ...(versions === undefined ? {} : { versions }),
      ...(options === undefined ? {} : { options }),
      ...(inBundle.length === 0 ? {} : { resources: Object.fromEntries(inBundle) }),
    },
  };
}

function inputConfigOf(step: ReaderPlan, { lake, nameOf }: Pick<StepTarget, 'lake' | 'nameOf'>) {
  const { input, delivery, kind } = step;
  const start = input.start instanceof Date ? input.start.toISOString() : input.start;
  // The mapping of a continuous step decides where the step starts. A table may have to be made again from there.
  const archive = step.kind === 'table' ? step.archive : undefined;
  const idempotent = input.stream.idempotent ? { idempotent: true as const } : {};
  return {
    stream: nameOf(input.stream),
    own: [...input.own],
    ...idempotent,
    start: delivery === 'scheduled' || kind === 'table' ? start : 'earliest',
    ...(archive === undefined ? {} : { archive: { bucket: lake, prefix: archive.prefix } }),
  };
}

function outputConfigsOf(outputs: Readonly<Record<string, StreamPlan>>, nameOf: StepTarget['nameOf']) {
  return Object.fromEntries(Object.entries(outputs).map(([name, stream]) => [name, outputConfigOf(stream, nameOf)]));
}

export function outputConfigOf(output: StreamPlan, nameOf: StepTarget['nameOf']) {
  const compression = output.kind === 'own' ? output.compression : undefined;
  return {
    stream: nameOf(output),
    ...(compression === undefined ? {} : { compression }),
    maxRecordBytes: output.maxRecordKiB * 1_024,
  };
}

/** Lambda allows 4 KB of environment, names and values together. We put nothing else there. */
const ENVIRONMENT_BYTES = 4_096;
const CONFIG_BYTES = ENVIRONMENT_BYTES - 'STEP_CONFIG'.length;

function refuseTooLarge(step: StepPlan, config: EnvironmentConfig): void {
  const size = bytesOf(config);
  if (size <= CONFIG_BYTES) return;
  const parts = Object.entries(config).map(([name, part]) => ({ name, bytes: bytesOf(part) }));
  const [largest] = parts.sort((a, b) => b.bytes - a.bytes);
  throw new UserMistake(
    `step '${step.pipeline}/${step.name}': its configuration has ${size} bytes, and Lambda allows ${CONFIG_BYTES}: ` +
      `shorten its largest part, '${largest?.name}' with ${largest?.bytes} bytes`,
  );
}

/**
 * Measures a value. A placeholder `\${Token[…]}` stands for a value that only the deployment knows. The longest such
 * value, a secret's ARN, has about 120 characters.
 */
function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value).replaceAll(/\$\{Token\[[^\]]*\]\}/g, '-'.repeat(128)));
}
