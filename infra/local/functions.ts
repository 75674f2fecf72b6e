import { join } from 'node:path';
import { BUNDLE_FILE, type Bundle, bundle, generationOf } from '../bundle.ts';
import { configuredBundle } from '../configured-bundle.ts';
import { connectors } from '../connectors.ts';
import { LIMITS } from '../delivery.ts';
import type { FunctionDefinition } from '../emulator/lambda-host/function-definition.ts';
import { type CompleteBundle, completeBundle } from '../native-files.ts';
import type { LaptopResources } from '../needs.ts';
import { outputSchemasOf, type StepPlan, schemaOf } from '../pipelines/plan.ts';
import { stepConfigPartsOf } from '../pipelines/step-config.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { REPOSITORY } from '../repository.ts';
import { serverOnLaptop } from '../sinks/postgres.ts';
import { TICK_ENTRY, TICK_LIMITS, tickConfigOf } from '../ticks.ts';
import { findDev } from './dev-file.ts';
import { removeOldBundles } from './old-bundles.ts';
import type { LocalStage } from './stage.ts';

/** A step with its bundle, which can be built while the servers start. */
export interface BundledStep {
  readonly step: StepPlan;
  readonly bundled: CompleteBundle;
}

const BUNDLES = join(REPOSITORY, '.millrace', 'bundles');

/** Bundles the steps' functions, and removes old bundles when no dev uses them. */
export async function bundleSteps(steps: readonly StepPlan[]): Promise<readonly BundledStep[]> {
  const dev = await findDev().catch(() => undefined);
  // A running dev may start a process from an old bundle at any time.
  if (dev === undefined || 'ended' in dev) await removeOldBundles(BUNDLES, Date.now());
  return Promise.all(steps.map(bundleStep));
}

export async function bundleStep(step: StepPlan): Promise<BundledStep> {
  return { step, bundled: await completeBundle(await bundle(step.entry, BUNDLES), 'here') };
}

/** Defines a step's function for this machine, configured as it would be on AWS. */
export function functionOf({ step, bundled }: BundledStep, stage: LocalStage): FunctionDefinition {
  const { names, resources } = stage;
  const { environment, bundled: inBundle } = stepConfigPartsOf(step, {
    stage: names.stage,
    checkpoints: names.checkpoints,
    deadLetters: names.deadLetters,
    lake: names.lake,
    generation: generationOf(bundled, step.options),
    nameOf: (stream) => stage.streamName(stream),
    ...(step.delivery === 'queue' ? { queue: stage.queueUrl(step) } : {}),
    ...(step.kind === 'transform' ? {} : { resources: resourcesOf(step, resources) }),
  });
  const { timeoutSeconds, memoryMb } = LIMITS[step.delivery];
  const seconds = step.delivery === 'pulled' ? PULLED_SECONDS : timeoutSeconds;
  return {
    name: names.step(step.pipeline, step.name),
    bundlePath: join(configuredBundle(bundled, inBundle), BUNDLE_FILE),
    handlerName: 'handler',
    environment: { STEP_CONFIG: JSON.stringify(environment), ...stage.environment },
    timeoutMillis: seconds * 1_000,
    memoryMb,
  };
}

/** A run of a pulled source is shorter here, because changed code is at work from the next run on. */
const PULLED_SECONDS = 60;

/** Bundles the function that appends ticks. */
export function bundleTicks(): Promise<Bundle> {
  return bundle(TICK_ENTRY, BUNDLES);
}

/** Defines the function that appends ticks to a stream. */
export function tickFunctionOf(stream: OwnStreamPlan, bundled: Bundle, stage: LocalStage): FunctionDefinition {
  const config = tickConfigOf(stream, stage.names, (one) => stage.streamName(one));
  return {
    name: stage.names.ticks(stream.pipeline, stream.name),
    bundlePath: join(bundled.path, BUNDLE_FILE),
    handlerName: 'handler',
    environment: { STEP_CONFIG: JSON.stringify(config), ...stage.environment },
    timeoutMillis: TICK_LIMITS.timeoutSeconds * 1_000,
    memoryMb: TICK_LIMITS.memoryMb,
  };
}

function resourcesOf(step: Exclude<StepPlan, { readonly kind: 'transform' }>, resources: LaptopResources): unknown {
  if (step.kind === 'table') return serverOnLaptop(resources.database);
  const { pipeline, name, options, connector } = step;
  return connectors[connector].onLaptop(
    {
      pipeline,
      name,
      options,
      schema: schemaOf(step),
      versions: step.kind === 'sink' ? step.input.stream.versions : undefined,
      ...outputSchemasOf(step),
    },
    resources,
  );
}
