import { App, Validations } from 'aws-cdk-lib';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks } from 'cdk-nag';
import { z } from 'zod';
import { mqttSource } from '../../../functions/sources/mqtt/mqtt.ts';
import { parseContext } from '../../../infra/context.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';
import { definePipeline, type Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { addStage } from '../../../infra/stacks/stage.ts';
import { pipelines as example } from '../pipelines/example.ts';
import { documentedContexts } from './documented-contexts.ts';
import { NO_COPIES } from './synthesized.ts';

const Measured = z.object({ celsius: z.number() });
const read = mqttSource({
  broker: 'iot-core',
  topic: 'halls/+',
  schema: Measured,
  type: 'hall.measured',
  key: 'topic(2)',
});
/** A source that AWS IoT Core feeds. */
const devices = definePipeline({
  name: 'devices',
  streams: { measured: { schema: Measured } },
  sources: { halls: { read, to: 'measured' } },
});

/** Pipelines in a context. */
export interface Stage {
  readonly name: string;
  readonly context: Readonly<Record<string, string>>;
  readonly all: readonly Pipeline[];
}

/** An example pipeline with every kind of step. */
export const EVERY_KIND: Stage = { name: 'every kind of step', context: {}, all: [...example, devices] };

/** Returns the shipped pipelines in every documented context. */
export async function documentedStages(): Promise<readonly Stage[]> {
  return (await documentedContexts()).map(({ command, context }) => ({ name: command, context, all: pipelines }));
}

/** Synthesizes with cdk-nag. Returns its findings without a reason, as it prints them. */
export async function findings({ context, all }: Stage, outdir: string): Promise<string> {
  const app = new App({ analyticsReporting: false, context: { ...recommended, ...NO_COPIES }, outdir });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  await addStage(app, parseContext(context), all);
  const { exitCode } = process;
  try {
    app.synth();
    return '';
  } catch (error) {
    return (error as Error).message.includes('(AwsSolutions)') ? (error as Error).message : Promise.reject(error);
  } finally {
    process.exitCode = exitCode;
  }
}
