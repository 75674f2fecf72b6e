import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import { systemClock } from '../emulator/clock.ts';
import type { Invoke } from '../emulator/invoke.ts';
import { LambdaError } from '../emulator/lambda-error.ts';
import { parseRequest } from '../emulator/mapping/configuration.ts';
import { type Mapping, startMapping } from '../emulator/mapping/mapping.ts';
import type { Trace } from '../emulator/trace.ts';
import type { EndpointClients } from './clients.ts';
import { type EndpointMapping, listMappings, switchPollers } from './endpoint-mappings.ts';
import { invokeThrough } from './invoke.ts';
import type { Journal } from './journal.ts';

/**
 * Runs an endpoint's Kinesis mappings in this process. The endpoint's own pollers of a mapping are off from when the
 * mapping is taken over until it is given back.
 */
export interface Takeover {
  /** The names of the mappings that run here. */
  names(): readonly string[];
  /** Takes over new mappings, applies changes to the others, and ends those that were deleted. */
  sync(): Promise<void>;
  /**
   * Resolves when all records that were in the streams at this call are processed or discarded, and so are those that
   * the functions have appended meanwhile to streams with mappings.
   */
  caughtUp(): Promise<void>;
  /** Ends all mappings here and switches the endpoint's own pollers on again. Invocations under way end first. */
  giveBack(): Promise<void>;
}

export interface TakeoverOptions {
  readonly clients: EndpointClients;
  readonly journal: Journal;
  readonly trace: (name: string) => Trace;
  readonly say: (line: string) => void;
}

interface Taken {
  readonly name: string;
  readonly mapping: Mapping;
  /** The parameters in effect, as JSON. */
  changes: string;
}

/** Faster than Lambda's pace, because the endpoint is on this machine or near it. */
const PACE = { pollMillis: 250, backOffMillis: 200, longestBackOffMillis: 5_000 };

export function openTakeover({ clients, journal, trace, say }: TakeoverOptions): Takeover {
  const { lambda, kinesis } = clients;
  const taken = new Map<string, Taken>();
  const leftAlone = new Map<string, string>();
  const invoke = reportingFaults(invokeThrough(lambda), say);
  let activity = 0;

  async function take(listed: EndpointMapping): Promise<void> {
    const { uuid, name, streamArn, isEnabled, request } = listed;
    const isLeftover = journal.isTaken(uuid);
    const refusal = isEnabled || isLeftover ? refusalOf(request) : 'it is disabled';
    if (refusal !== undefined) return leaveAlone(listed, refusal);
    const stream = await ifExists(() => kinesis.send(new DescribeStreamSummaryCommand({ StreamARN: streamArn })));
    if (stream === undefined) return leaveAlone(listed, 'its stream does not exist');
    const createdMillis = stream.StreamDescriptionSummary?.StreamCreationTimestamp?.getTime() ?? 0;
    const checkpoints = journal.take(uuid, createdMillis);
    if (isEnabled) await switchPollers(lambda, uuid, false);
    const traceMapping = trace(name);
    const mapping = startMapping({
      configuration: request,
      standsInFor: { uuid, checkpoints },
      kinesis,
      invoke,
      destinations: clients,
      clock: systemClock(),
      random: Math.random,
      pace: PACE,
      trace(entry) {
        if (entry.did === 'invocation' || (entry.did === 'poll' && entry.records > 0)) activity++;
        if (entry.did === 'checkpoint') journal.moved(uuid, entry);
        traceMapping(entry);
      },
    });
    taken.set(uuid, { name, mapping, changes: JSON.stringify(listed.changes) });
    leftAlone.delete(uuid);
    say(`${name}: taken over${isLeftover ? ' from a run that did not give it back' : ''}`);
  }

  function leaveAlone({ uuid, name }: EndpointMapping, why: string): void {
    if (leftAlone.get(uuid) !== why) say(`${name}: left alone: ${why}`);
    leftAlone.set(uuid, why);
  }

  async function applyChanges(listed: EndpointMapping, own: Taken): Promise<void> {
    const { StateTransitionReason: why, State } = own.mapping.state();
    if (State === 'Disabled') throw new Error(`${own.name}: ${why}`);
    if (listed.isEnabled) await switchPollers(lambda, listed.uuid, false);
    const changes = JSON.stringify(listed.changes);
    if (changes === own.changes) return;
    const refusal = refusalOf(listed.request);
    if (refusal !== undefined) {
      await giveBackOne(listed.uuid, own);
      return leaveAlone(listed, refusal);
    }
    await own.mapping.settled();
    await own.mapping.update(listed.changes);
    own.changes = changes;
    say(`${own.name}: changed`);
  }

  async function giveBackOne(uuid: string, own: Taken): Promise<void> {
    await end(own.mapping);
    await ifExists(() => switchPollers(lambda, uuid, true));
    taken.delete(uuid);
    journal.givenBack(uuid);
    say(`${own.name}: given back`);
  }

  return {
    names: () => [...taken.values()].map(({ name }) => name),
    async sync() {
      const all = await listMappings(lambda);
      for (const listed of all) {
        const own = taken.get(listed.uuid);
        // A mapping that was deleted since it was listed is missing the next time.
        await ifExists(() => (own === undefined ? take(listed) : applyChanges(listed, own)));
      }
      for (const [uuid, own] of taken) {
        if (all.some((listed) => listed.uuid === uuid)) continue;
        await end(own.mapping);
        taken.delete(uuid);
        say(`${own.name}: deleted`);
      }
      journal.keepOnly(all.map(({ uuid }) => uuid));
      journal.save();
    },
    async caughtUp() {
      for (let before = -1; before !== activity; ) {
        before = activity;
        await Promise.all([...taken.values()].map(({ mapping }) => mapping.caughtUp()));
      }
    },
    async giveBack() {
      const all = await Promise.allSettled([...taken].map(([uuid, own]) => giveBackOne(uuid, own)));
      for (const one of all) if (one.status === 'rejected') throw one.reason;
    },
  };
}

/** Returns why the emulator refuses a mapping: Lambda would too, or the emulator lacks something. */
function refusalOf(request: EndpointMapping['request']): string | undefined {
  try {
    parseRequest(request, Date.now());
    return undefined;
  } catch (error) {
    if (error instanceof LambdaError) return error.message;
    throw error;
  }
}

/** Resolves to undefined when the thing that is called for does not exist. */
async function ifExists<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/**
 * Deletes a mapping. One that is still `Creating` waits for Kinesis and has delivered nothing: it is left to itself.
 */
async function end(mapping: Mapping): Promise<void> {
  if (mapping.state().State === 'Creating') return;
  await mapping.settled();
  await mapping.delete();
}

/** Prints once why a function cannot be called. The trace has only the fact. */
function reportingFaults(invoke: Invoke, say: (line: string) => void): Invoke {
  const reported = new Map<string, string>();
  return async (request) => {
    const name = request.functionArn.split(':').slice(6).join(':');
    try {
      const result = await invoke(request);
      reported.delete(name);
      return result;
    } catch (error) {
      const why = `${(error as Error).name}: ${(error as Error).message}`;
      if (reported.get(name) !== why) say(`${name}: cannot be invoked and will be retried: ${why}`);
      reported.set(name, why);
      throw error;
    }
  };
}
