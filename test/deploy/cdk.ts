import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Environment, outcomeOf, run } from './command.ts';
import { fedPipelines } from './fed-pipelines.ts';

/** The CDK commands that users deploy with, for one stage. */
export interface Cdk {
  /** Bootstraps, and resolves to the account's id. */
  bootstrap(): Promise<string>;
  /** Deploys, and resolves to the stacks' outputs, by stack and key. */
  deploy(context?: Context, flags?: readonly string[]): Promise<Outputs>;
  /** Starts a deployment that may be refused. */
  tryDeploy(context?: Context): Promise<{ readonly said: string; readonly code: number | null }>;
  destroy(context?: Context): Promise<void>;
  /** Imports existing resources into a stack. `resources` has their identifiers by logical id. */
  import(stack: string, resources: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<void>;
  /** Returns a stack's template from the last synthesis. */
  template(stack: string): Promise<Template>;
}

export type Context = Readonly<Record<string, string>>;

export interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string }>>;
}

const Outputs = z.record(z.string(), z.record(z.string(), z.string()));
export type Outputs = z.infer<typeof Outputs>;

export interface CdkOptions {
  /** This repository or a changed copy of it. */
  readonly repository: string;
  readonly context: Context;
  readonly env: Environment;
  /** A folder for what the commands write. */
  readonly folder: string;
}

export function openCdk({ repository, context, env, folder }: CdkOptions): Cdk {
  const options = { cwd: repository, env, log: join(folder, 'cdk.log') };
  const outputs = join(folder, 'outputs.json');
  const common = ['--output', join(folder, 'cdk.out'), '--ci', '--no-notices'];
  const contextArgs = (more: Context) =>
    Object.entries({ pipelines: fedPipelines.map(({ name }) => name).join(','), ...context, ...more }).flatMap(
      ([key, value]) => ['--context', `${key}=${value}`],
    );
  const deployCommand = (more: Context) => [
    ...['npx', '--no-install', 'cdk', 'deploy', '--all', '--require-approval', 'never', '--outputs-file', outputs],
    ...[...common, ...contextArgs(more)],
  ];
  return {
    async bootstrap() {
      const said = await run(['npx', '--no-install', 'cdk', 'bootstrap', ...common, ...contextArgs({})], options);
      const account = /aws:\/\/(\d{12})\//.exec(said)?.[1];
      if (account === undefined)
        throw new Error(`cdk bootstrap did not print the account that it bootstrapped:\n${said}`);
      return account;
    },
    async deploy(more = {}, flags = []) {
      await run([...deployCommand(more), ...flags], options);
      return Outputs.parse(JSON.parse(await readFile(outputs, 'utf8')));
    },
    tryDeploy: (more = {}) => outcomeOf(deployCommand(more), options),
    async destroy(more = {}) {
      await run(
        ['npx', '--no-install', 'cdk', 'destroy', '--all', '--force', ...common, ...contextArgs(more)],
        options,
      );
    },
    async import(stack, resources) {
      const mapping = join(folder, 'import.json');
      await writeFile(mapping, JSON.stringify(resources));
      const flags = ['--resource-mapping', mapping, ...common, ...contextArgs({})];
      await run(['npx', '--no-install', 'cdk', 'import', stack, ...flags], options);
    },
    template: async (stack) =>
      JSON.parse(await readFile(join(folder, 'cdk.out', `${stack}.template.json`), 'utf8')) as Template,
  };
}
