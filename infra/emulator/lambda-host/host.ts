import type { Clock } from '../clock.ts';
import type { InvokeResult } from '../invoke.ts';
import { LambdaError } from '../lambda-error.ts';
import { randomUuid } from '../random-uuid.ts';
import { environmentOf, type HostIdentity } from './environment.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { type Instance, startInstance } from './instance.ts';

export interface LambdaHostOptions {
  readonly functions: readonly FunctionDefinition[];
  readonly clock: Clock;
  /** Called with each line that a function writes. */
  readonly onLog: (name: string, line: string) => void;
  /** Where the functions believe they are, and as whom. */
  readonly identity: HostIdentity;
  readonly random: () => number;
}

export interface LambdaHost {
  /** Calls the function in a process that is free, or in a new one. Throws only for what the caller did wrong. */
  invoke(name: string, payload: string, options?: { readonly requestId?: string }): Promise<InvokeResult>;
  /** From now on the function runs as defined here. Invocations under way end as they began. */
  reload(definition: FunctionDefinition): void;
  /** Ends the function's processes at once, invocations under way or not, as if their machine had died. */
  kill(name: string): Promise<void>;
  /** Ends every process. */
  close(): Promise<void>;
}

/**
 * Runs functions as Lambda does: each instance is a process of its own, takes one call at a time, and is used again
 * while it is well.
 */
export function startLambdaHost({ functions, clock, onLog, identity, random }: LambdaHostOptions): LambdaHost {
  const definitions = new Map<string, FunctionDefinition>();
  const instances = new Set<Instance>();
  let isClosed = false;
  for (const definition of functions) define(definition);

  function define(definition: FunctionDefinition): void {
    environmentOf(definition, identity);
    definitions.set(definition.name, definition);
  }

  function findDefinition(name: string): FunctionDefinition {
    if (isClosed) throw new Error(`the Lambda host is closed: it cannot invoke ${name}`);
    const definition = definitions.get(nameIn(name));
    if (definition !== undefined) return definition;
    throw new LambdaError('ResourceNotFoundException', `Function not found: ${name}`);
  }

  function start(definition: FunctionDefinition): Instance {
    const environment = environmentOf(definition, identity);
    const instance = startInstance({ definition, environment, clock, onLog: (line) => onLog(definition.name, line) });
    instances.add(instance);
    void instance.ended.then(() => instances.delete(instance));
    return instance;
  }

  function take(definition: FunctionDefinition): Instance | undefined {
    const own = [...instances].filter((instance) => instance.definition.name === definition.name && instance.isWell());
    const idle = own.find((instance) => instance.definition === definition && !instance.isBusy());
    if (idle !== undefined) return idle;
    const busy = own.filter((instance) => instance.isBusy()).length;
    return busy >= (definition.maxConcurrency ?? Number.POSITIVE_INFINITY) ? undefined : start(definition);
  }

  const end = (ending: readonly Instance[]) => Promise.all(ending.map((instance) => instance.kill()));

  return {
    async invoke(name, payload, { requestId = randomUuid(random) } = {}) {
      const definition = findDefinition(name);
      const instance = take(definition);
      if (instance === undefined) return { outcome: 'throttled' };
      const result = await instance.invoke({ payload, requestId, functionArn: arnOf(identity, definition.name) });
      if (definitions.get(definition.name) !== definition) await instance.kill();
      return result;
    },
    reload(definition) {
      findDefinition(definition.name);
      define(definition);
      const outdated = [...instances].filter((instance) => instance.definition.name === definition.name);
      void end(outdated.filter((instance) => !instance.isBusy()));
    },
    async kill(name) {
      const { name: ownName } = findDefinition(name);
      await end([...instances].filter((instance) => instance.definition.name === ownName));
    },
    async close() {
      isClosed = true;
      await end([...instances]);
    },
  };
}

/** A function may be named by its ARN, with a version or an alias behind it. */
function nameIn(name: string): string {
  return /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)/.exec(name)?.[1] ?? name;
}

function arnOf({ region, accountId }: HostIdentity, name: string): string {
  return `arn:aws:lambda:${region}:${accountId}:function:${name}`;
}
