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
  /** The region, account and credentials that the functions see. */
  readonly identity: HostIdentity;
  readonly random: () => number;
}

export interface LambdaHost {
  /** Calls the function in a free process, or in a new one. Throws only for mistakes of the caller. */
  invoke(name: string, payload: string, options?: { readonly requestId?: string }): Promise<InvokeResult>;
  /** Replaces a function's definition. Invocations under way end with the old one. */
  reload(definition: FunctionDefinition): void;
  /** Kills the function's processes at once, even during an invocation, as if their machine had died. */
  kill(name: string): Promise<void>;
  /** Kills every process. */
  close(): Promise<void>;
}

/**
 * Starts a host that runs functions as Lambda does.
 *
 * *Behaviour.* Each instance of a function is a process of its own, with nothing in its environment but what Lambda
 * sets and the function's variables. It takes one call at a time, and is used again after a success or a thrown error.
 * A call that exceeds the time-out kills the process and fails with `Sandbox.Timedout`; a process that dies fails the
 * call with `Runtime.ExitError`; an answer above 6 MB with `Function.ResponseSizeTooLarge`. Loading the bundle has 10 s
 * of its own. Messages and error types are those that Lambda gives. Calls above the reserved concurrency are throttled.
 *
 * *Differences from AWS.*
 * - A process is not frozen between calls: timers and requests that a call left behind go on.
 * - An instance is kept until the host closes, or its definition changes.
 * - Memory is the process's resident set, looked at every 50 ms. CPU does not depend on memory.
 * - A bundle that takes longer than 10 s to load goes on in the time of the first call; Lambda loads it anew then.
 * - The process is that of a user of this machine: it sees all files, `/tmp` is shared, and the network is open.
 * - The payload of a call may exceed 6 MB. The account has no concurrency limit. There are no versions, aliases,
 *   layers, extensions, response streaming or asynchronous calls.
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
    if (isClosed) throw new Error(`the Lambda host is closed and cannot call ${name}: start another one`);
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

  /** Finds an idle instance or starts one. Undefined when the reserved concurrency is in use. */
  function take(definition: FunctionDefinition): Instance | undefined {
    const usable = [...instances].filter(
      (instance) => instance.definition.name === definition.name && instance.isUsable(),
    );
    const idle = usable.find((instance) => instance.definition === definition && !instance.isBusy());
    if (idle !== undefined) return idle;
    const busy = usable.filter((instance) => instance.isBusy()).length;
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

/** Takes the function's name out of an ARN, which may end in a version or an alias. */
function nameIn(name: string): string {
  return /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)/.exec(name)?.[1] ?? name;
}

function arnOf({ region, accountId }: HostIdentity, name: string): string {
  return `arn:aws:lambda:${region}:${accountId}:function:${name}`;
}
