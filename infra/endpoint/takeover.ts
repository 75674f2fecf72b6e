import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import { systemClock } from '../emulator/clock.ts';
import type { Invoke } from '../emulator/invoke.ts';
import { LambdaError } from '../emulator/lambda-error.ts';
import { parseRequest } from '../emulator/mapping/configuration.ts';
import { type Mapping, startMapping } from '../emulator/mapping/mapping.ts';
import type { Trace } from '../emulator/trace.ts';
import type { EndpointClients } from './clients.ts';
import { type Described, describeMappings, switchPollers } from './described.ts';
import { invokeThrough } from './invoke.ts';
import type { Journal } from './journal.ts';

/**
 * An endpoint's Kinesis mappings, done here in its stead: its own pollers are off from when a mapping is taken until it
 * is given back.
 */
export interface Takeover {
  /** Names of those that are done here. */
  names(): readonly string[];
  /** Takes mappings that are new, follows those that were changed, and lets go of those that were deleted. */
  look(): Promise<void>;
  /**
   * Resolves when all that was in the streams at this call is done or discarded, and all that the functions have
   * appended meanwhile to streams that are mapped too.
   */
  caughtUp(): Promise<void>;
  /** Ends everything here and switches the endpoint's own pollers on again. Invocations under way end first. */
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
  /** The configuration that is in effect, as JSON. */
  changes: string;
}

/** An endpoint is near: it is looked at more often than Lambda looks at Kinesis, and waited for less. */
const PACE = { pollMillis: 250, backOffMillis: 200, longestBackOffMillis: 5_000 };

export function openTakeover({ clients, journal, trace, say }: TakeoverOptions): Takeover {
  const { lambda, kinesis } = clients;
  const taken = new Map<string, Taken>();
  const toldWhy = new Map<string, string>();
  const invoke = tellingFaults(invokeThrough(lambda), say);
  let activity = 0;

  async function take(described: Described): Promise<void> {
    const { uuid, name, streamArn, isEnabled, request } = described;
    const isLeftover = journal.isTaken(uuid);
    const refusal = isEnabled || isLeftover ? refusalOf(request) : 'it is disabled';
    if (refusal !== undefined) return leaveAlone(described, refusal);
    const stream = await ifThere(() => kinesis.send(new DescribeStreamSummaryCommand({ StreamARN: streamArn })));
    if (stream === undefined) return leaveAlone(described, 'its stream does not exist');
    const createdMillis = stream.StreamDescriptionSummary?.StreamCreationTimestamp?.getTime() ?? 0;
    const checkpoints = journal.take(uuid, createdMillis);
    if (isEnabled) await switchPollers(lambda, uuid, false);
    const told = trace(name);
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
        told(entry);
      },
    });
    taken.set(uuid, { name, mapping, changes: JSON.stringify(described.changes) });
    toldWhy.delete(uuid);
    say(`${name}: taken${isLeftover ? ' again, after a run that did not give it back' : ''}`);
  }

  function leaveAlone({ uuid, name }: Described, why: string): void {
    if (toldWhy.get(uuid) !== why) say(`${name}: left alone: ${why}`);
    toldWhy.set(uuid, why);
  }

  async function follow(described: Described, own: Taken): Promise<void> {
    const { StateTransitionReason: why, State } = own.mapping.state();
    if (State === 'Disabled') throw new Error(`${own.name}: ${why}`);
    if (described.isEnabled) await switchPollers(lambda, described.uuid, false);
    const changes = JSON.stringify(described.changes);
    if (changes === own.changes) return;
    const refusal = refusalOf(described.request);
    if (refusal !== undefined) {
      await giveBackOne(described.uuid, own);
      return leaveAlone(described, refusal);
    }
    await own.mapping.settled();
    await own.mapping.update(described.changes);
    own.changes = changes;
    say(`${own.name}: changed`);
  }

  async function giveBackOne(uuid: string, own: Taken): Promise<void> {
    await end(own.mapping);
    await ifThere(() => switchPollers(lambda, uuid, true));
    taken.delete(uuid);
    journal.givenBack(uuid);
    say(`${own.name}: given back`);
  }

  return {
    names: () => [...taken.values()].map(({ name }) => name),
    async look() {
      const listed = await describeMappings(lambda);
      for (const described of listed) {
        const own = taken.get(described.uuid);
        // One that was deleted since it was listed is not listed the next time.
        await ifThere(() => (own === undefined ? take(described) : follow(described, own)));
      }
      for (const [uuid, own] of taken) {
        if (listed.some((described) => described.uuid === uuid)) continue;
        await end(own.mapping);
        taken.delete(uuid);
        say(`${own.name}: was deleted`);
      }
      journal.keepOnly(listed.map(({ uuid }) => uuid));
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

/** What Lambda would take and is not done here, or Lambda would not take at all. */
function refusalOf(request: Described['request']): string | undefined {
  try {
    parseRequest(request, Date.now());
    return undefined;
  } catch (error) {
    if (error instanceof LambdaError) return error.message;
    throw error;
  }
}

async function ifThere<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/** One that is `Creating` still waits for Kinesis, and has delivered nothing. */
async function end(mapping: Mapping): Promise<void> {
  if (mapping.state().State === 'Creating') return;
  await mapping.settled();
  await mapping.delete();
}

/** A trace says that a call failed; people want to know how, once. */
function tellingFaults(invoke: Invoke, say: (line: string) => void): Invoke {
  const told = new Map<string, string>();
  return async (request) => {
    const name = request.functionArn.split(':').slice(6).join(':');
    try {
      const result = await invoke(request);
      told.delete(name);
      return result;
    } catch (error) {
      const why = `${(error as Error).name}: ${(error as Error).message}`;
      if (told.get(name) !== why) say(`${name}: cannot be invoked, and is tried again: ${why}`);
      told.set(name, why);
      throw error;
    }
  };
}
