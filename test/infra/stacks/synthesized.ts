import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { parseContext } from '../../../infra/context.ts';
import type { Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { addStage } from '../../../infra/stacks/stage.ts';
import { pipelines as example } from '../pipelines/example.ts';

export interface SynthesizedStage {
  readonly stacks: ReadonlyMap<string, Synthesized>;
  stack(name: string): Synthesized;
}

export interface Synthesized {
  readonly template: Template;
  /** The names of the stacks that are deployed before it. */
  readonly after: readonly string[];
  /** The warnings of `cdk synth`, without their constructs. */
  readonly warnings: readonly string[];
  /** What `cdk synth` says beside, without their constructs. */
  readonly infos: readonly string[];
}

/** Lets a template name the bundles where they are: copies of them, of 70 MB each, took most of a synthesis. */
export const NO_COPIES = { 'aws:cdk:disable-asset-staging': true };

/** Synthesizes every stack of a stage, as `cdk synth` does. */
export async function synthesized(
  context: Readonly<Record<string, unknown>> = {},
  pipelines: readonly Pipeline[] = example,
): Promise<SynthesizedStage> {
  const outdir = await mkdtemp(join(tmpdir(), 'millrace-synth-'));
  try {
    const app = new App({ analyticsReporting: false, context: { ...recommended, ...NO_COPIES }, outdir });
    await addStage(app, parseContext(context), pipelines);
    const assembly = app.synth();
    const saidBy = (artifact: (typeof assembly.stacks)[number], wanted: string): string[] =>
      artifact.messages.filter(({ level }) => level === wanted).map(({ entry }) => String(entry.data));
    const stacks = new Map(
      assembly.stacks.map((artifact): [string, Synthesized] => [
        artifact.stackName,
        {
          template: Template.fromJSON(artifact.template as Record<string, unknown>),
          warnings: saidBy(artifact, 'warning'),
          infos: saidBy(artifact, 'info'),
          after: artifact.dependencies.map(({ id }) => id).filter((id) => !id.endsWith('.assets')),
        },
      ]),
    );
    return {
      stacks,
      stack(name) {
        const found = stacks.get(name);
        if (found === undefined) throw new Error(`no stack ${name}, only ${[...stacks.keys()].join(', ')}`);
        return found;
      },
    };
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

/** Turns a template's value into text. Values that only the deployment knows become `<name>`. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const [[fn, argument] = []] = Object.entries(value as Record<string, unknown>);
  if (fn === 'Ref') return `<${String(argument).replace('AWS::', '')}>`;
  if (fn === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (fn === 'Fn::ImportValue') return `<${asText(argument)}>`;
  if (fn === 'Fn::GetStackOutput') return `<${(argument as { OutputName: string }).OutputName}>`;
  if (fn === 'Fn::Join') return (argument as [string, unknown[]])[1].map(asText).join((argument as [string])[0]);
  throw new Error(`no text for ${JSON.stringify(value)}`);
}
