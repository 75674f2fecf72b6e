import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import type { z } from 'zod';
import type { RewindPoint } from '../../functions/runtime/checkpoints/rewind-state.ts';
import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letters.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { OutgoingEvent } from '../../functions/runtime/event.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { pauseStep, resumeStep } from '../../infra/operation/control/pause.ts';
import { type ReplayRequest, replayInto } from '../../infra/operation/control/replay.ts';
import { type ProgressOptions, rewindStep } from '../../infra/operation/control/rewind.ts';
import { FunctionFailed } from '../../infra/operation/function-failed.ts';
import { type StepStatus, stepStatus } from '../../infra/operation/status/status.ts';
import type { TargetWithFunctions } from '../../infra/operation/target.ts';
import { type Duration, hours, type Pipeline, type Streams } from '../../infra/pipelines/pipeline.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import { dropFile, type Posted, type PostOptions, post } from './arrivals.ts';
import type { Deadly } from './deaths.ts';
import { type Fault, type FaultKind, type FaultRule, faultKinds } from './faults.ts';
import { asGivenEvent, type GivenEvent, type GivenRecord, isGivenRecord } from './given-events.ts';
import { deployChanged, operate } from './operator.ts';
import { type RedriveOptions, redrivenBy } from './redriving.ts';
import { type Resharding, reshardSomewhere } from './resharding.ts';
import { settle } from './settle.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Constraint, Row } from './tables.ts';
import {
  type BucketView,
  bucketView,
  deadLettersOf,
  positionsOf,
  type ShardPosition,
  type StreamView,
  streamView,
} from './views.ts';
import { startWorld, type World } from './world.ts';

/** A pipeline at work, for a test: what it is given, what happens, and then what there is. */
export interface PipelineRun<S extends Streams> {
  /**
   * Appends events to a stream, as another team's producer would. `key`: the field of the data that is the events' key.
   */
  given<K extends keyof S & string>(
    stream: K,
    events: readonly (z.input<S[K]['schema']> | GivenEvent | GivenRecord)[],
    options?: { readonly key?: string },
  ): Promise<void>;
  /** A file lands in the landing bucket, and is announced to the sources that read there. */
  dropped(key: string, content: string | Uint8Array): Promise<void>;
  /** Sends JSON to a source that answers requests, and resolves to its reply. */
  posted(source: string, body: unknown, options?: PostOptions): Promise<Posted>;
  readonly when: Happenings<S>;
  /**
   * Lets time pass until every step has done all there is. Throws when that takes longer than `within`, three hours
   * when not given: a step that fails for ever is never done.
   */
  settled(options?: { readonly within?: Duration }): Promise<void>;
  stream(name: keyof S & string): StreamView;
  bucket(name: 'lake' | 'landing' | 'dead letters'): BucketView;
  table(name: string): readonly Row[];
  deadLetters(step: string): readonly DeadLetter[];
  positions(step: string): readonly ShardPosition[];
  /** What `millrace status` shows of a step. */
  status(step: string): Promise<readonly StepStatus[]>;
  /** The faults so far. */
  faults(): readonly Fault[];
  /** The splits and merges so far, and during which calls. */
  reshardings(): readonly { readonly stream: string; readonly how: Resharding; readonly site: string | undefined }[];
  /** How many calls there were so far, by call site. */
  calls(): ReadonlyMap<string, number>;
  /** Milliseconds since 1970, by the run's clock. */
  now(): number;
  /** What happened so far, a line each. */
  story(): readonly string[];
}

export interface Happenings<S extends Streams> {
  /** Time passes. */
  pass(time: Duration): Promise<void>;
  /** The stream has this many shards from now on: at most twice as many as before, and at least half. */
  reshard(stream: keyof S & string, shards: number): Promise<void>;
  /**
   * One shard of the stream, by the seed, is split in two, or two neighbours are merged. `during`: while a call at the
   * site is under way, the one after so many, and the call goes on after it; then this returns at once.
   */
  resharded(stream: keyof S & string, how: Resharding, during?: Pick<FaultRule, 'site' | 'after'>): Promise<void>;
  /**
   * Calls of a step fail. `site`: the step's name, or more of a call's name: `cleaning kinesis.PutRecords`. One call,
   * the next, when `times` and `after` (calls that go well first) are not given.
   */
  fails(site: string, kind: FaultKind, options?: Pick<FaultRule, 'times' | 'after'>): void;
  /** Any call of any step may fail, until that many have. */
  anythingFails(options: {
    readonly most: number;
    readonly probability?: number;
    readonly kinds?: readonly FaultKind[];
  }): void;
  /** All calls at the site are lost for that time, which passes. */
  down(site: string, time: Duration): Promise<void>;
  /** The processes of a step die, at work or not. */
  killed(step: string): void;
  /**
   * An operator pauses a step, and waits as the command does until nothing of it is in flight: resolves to what could
   * not be finished.
   */
  paused(step: string): Promise<readonly string[]>;
  resumed(step: string): Promise<void>;
  /**
   * An operator moves a step, and waits as the command does until it has caught up. `pulls`: the command is interrupted
   * after it has called the function so often; asked for again, it goes on. False: it was interrupted, the function
   * failed too often on end, or the step is paused.
   */
  rewound(
    step: string,
    to: RewindPoint,
    options?: { readonly shards?: readonly string[]; readonly pulls?: number },
  ): Promise<boolean>;
  /** An operator replays a range into a fresh place, as `rewound` moves a step. */
  replayed(
    step: string,
    range: { readonly from: RewindPoint; readonly toMillis: number; readonly into: string },
    options?: { readonly pulls?: number },
  ): Promise<boolean>;
  /**
   * An operator redrives dead letters of a step. The command's own calls may fail, at sites that begin with `operator`.
   * False: it has not come to its end, and is to be asked for again.
   */
  redriven(step: string, options?: RedriveOptions): Promise<boolean>;
  /**
   * Changed code of a step is deployed, whatever it is doing. `transform`: what the step does from then on, where that
   * changed.
   */
  deployed(step: string, transform?: Pick<Transform, 'run'>): void;
  /** The same while a call at the site is under way, the one after so many. Resolves when it has happened. */
  deployedDuring(
    during: Pick<FaultRule, 'site' | 'after'>,
    step: string,
    transform?: Pick<Transform, 'run'>,
  ): Promise<void>;
  /** Another poller takes the shards of a continuous step over: the batch in hand comes again, cut differently. */
  recut(step: string): void;
  /** The step's function dies of the events for which this says how, each time that it is about to work on one. */
  deadly(step: string, deadly: Deadly): void;
  /** A table refuses the rows for which this gives the name of a constraint. */
  refused(table: string, constraint: Constraint): void;
}

export interface RunOptions {
  /** 1 when not given. */
  readonly seed?: number;
  /** RFC 3339; the beginning of 2026 when not given. */
  readonly start?: string;
  /**
   * The most bytes of a record that streams take, less than a service's least: so that few events already take several
   * records.
   */
  readonly recordBytes?: number;
  /**
   * How often a mapping asks a shard that has nothing more, Lambda's second when not given: less often, long times pass
   * faster.
   */
  readonly pollMillis?: number;
  /** Other pipelines that run too, because this one has streams of theirs. */
  readonly beside?: readonly Pipeline[];
}

/** Starts a pipeline with nothing in it. */
export async function startPipelineRun<S extends Streams>(
  pipeline: Pipeline<S>,
  { seed = 1, start = '2026-01-01T00:00:00Z', beside = [], recordBytes, pollMillis }: RunOptions = {},
): Promise<PipelineRun<S>> {
  const startMillis = Date.parse(start);
  const world = await startWorld({ pipelines: [pipeline, ...beside], seed, startMillis, recordBytes, pollMillis });
  const { clock, stage, faults, story } = world;
  const producer = world.outsider('given');
  const reshardings: { stream: string; how: Resharding; site: string | undefined }[] = [];
  let givenSoFar = 0;
  const nameOf = (stream: string): string => streamNameOf(pipeline, world, stream);
  const stepOf = (name: string): StepPlan => namedStep(world, pipeline.name, name);
  return {
    async given(stream, events, { key } = {}) {
      story.tell(`given ${events.length} event${events.length === 1 ? '' : 's'} in ${stream}`);
      await clock.runUntil(append(world, producer, { stream: nameOf(stream), events, key, next: () => givenSoFar++ }));
    },
    async dropped(key, content) {
      story.tell(`dropped ${key}`);
      await clock.runUntil(dropFile(world, key, content));
    },
    posted: (source, body, options) => clock.runUntil(post(world, stepOf(source), { body, ...options })),
    when: {
      pass: (time) => clock.advance(time),
      async reshard(stream, shards) {
        story.tell(`${stream} gets ${shards} shard${shards === 1 ? '' : 's'}`);
        stage.streams.log.updateShardCount({
          StreamName: nameOf(stream),
          TargetShardCount: shards,
          ScalingType: 'UNIFORM_SCALING',
        });
        await clock.advance(RESHARD_MILLIS);
        stage.streams.shards(nameOf(stream));
      },
      async resharded(stream, how, during) {
        const happening = async (site?: string): Promise<void> => {
          story.tell(`${stream}: a ${how}${site === undefined ? '' : ` during ${site}`}`);
          await reshardSomewhere(world, nameOf(stream), how);
          reshardings.push({ stream, how, site });
        };
        if (during === undefined) return clock.runUntil(happening());
        checkSite(during.site, stepOf);
        faults.meanwhile(during, happening);
      },
      fails(site, kind, options) {
        checkSite(site, stepOf);
        faults.add({ site, kind, ...options });
      },
      anythingFails({ most, probability = 0.1, kinds = faultKinds }) {
        faults.addRandom({ most, probability, kinds, random: world.randomOf('faults') });
      },
      async down(site, time) {
        checkSite(site, stepOf);
        const up = faults.add({ site, kind: 'request lost', times: Number.POSITIVE_INFINITY });
        await clock.advance(time);
        up();
      },
      async paused(step) {
        story.tell(`${step} is paused`);
        const onProgress = (inFlight: readonly string[]): void =>
          story.tell(`${step} has in flight: ${inFlight.join(', ')}`);
        const { signal } = new AbortController();
        const { unfinished } = await operate(world, (target) =>
          pauseStep(stepOf(step), target, { onProgress, signal }),
        );
        return unfinished;
      },
      async resumed(step) {
        story.tell(`${step} goes on`);
        await operate(world, (target) => resumeStep(stepOf(step), target, new AbortController().signal));
      },
      async rewound(name, to, { shards, pulls = Number.POSITIVE_INFINITY } = {}) {
        story.tell(`${name} is moved to ${JSON.stringify(to)}`);
        return operate(world, (target) => rewoundBy(stepOf(name), target, { to, shards, pulls }));
      },
      async replayed(name, range, { pulls = Number.POSITIVE_INFINITY } = {}) {
        story.tell(`${name} is replayed into ${range.into}`);
        return operate(world, (target) => replayedBy(stepOf(name), target, { range, pulls }));
      },
      async redriven(name, options = {}) {
        const step = stepOf(name);
        if (step.kind === 'source')
          throw new UserMistake(`step '${name}' is a source: its dead letters never were events`);
        story.tell(`dead letters of ${name} are redriven`);
        return redrivenBy(world, step, options);
      },
      deployed(step, transform) {
        story.tell(`changed code of ${step} is deployed`);
        deployChanged(world, stepOf(step), transform);
      },
      deployedDuring(during, step, transform) {
        checkSite(during.site, stepOf);
        return new Promise((resolve) => {
          faults.meanwhile(during, async () => {
            story.tell(`changed code of ${step} is deployed`);
            deployChanged(world, stepOf(step), transform);
            resolve();
          });
        });
      },
      recut(step) {
        const mapping = world.feeders.mappings.get(stepOf(step));
        if (mapping === undefined) throw new UserMistake(`step '${step}' is not continuous: it gets no batches`);
        story.tell(`${step}: another poller`);
        mapping.rebalance();
      },
      deadly(name, deadly) {
        const step = stepOf(name);
        if (step.kind === 'source') throw new UserMistake(`step '${name}' is a source: it is given no events`);
        world.deadly.set(step, deadly);
      },
      killed: (step) => world.functions.kill(stepOf(step)),
      refused: (table, constraint) => stage.tables.constrain(table, constraint),
    },
    settled: ({ within = hours(3) } = {}) => settle(world, within),
    stream: (name) => streamView(world, nameOf(name), ownOf(world, nameOf(name))),
    bucket: (name) => bucketView(world, bucketNamed(world, name)),
    table: (name) => stage.tables.rows(name),
    deadLetters: (step) => deadLettersOf(world, stepOf(step)),
    positions(name) {
      const step = stepOf(name);
      if (step.kind === 'source') throw new UserMistake(`step '${name}' is a source: it has no position in a stream`);
      return positionsOf(world, step);
    },
    status: (name) => operate(world, (target) => stepStatus(stepOf(name), target, new AbortController().signal)),
    faults: () => faults.happened(),
    reshardings: () => reshardings,
    calls: () => faults.calls(),
    now: () => clock.now(),
    story: () => story.lines(),
  };
}

async function rewoundBy(
  step: StepPlan,
  target: TargetWithFunctions,
  {
    to,
    shards,
    pulls,
  }: { readonly to: RewindPoint; readonly shards: readonly string[] | undefined; readonly pulls: number },
): Promise<boolean> {
  if (step.kind === 'source') throw new UserMistake(`step '${step.name}' is a source: it has no position`);
  const request = { to, said: JSON.stringify(to), shards };
  return interruptedAfter(pulls, (options) => rewindStep(step, target, { request, ...options }));
}

async function replayedBy(
  step: StepPlan,
  target: TargetWithFunctions,
  { range, pulls }: { readonly range: Omit<ReplayRequest, 'said'>; readonly pulls: number },
): Promise<boolean> {
  if (step.kind !== 'sink') throw new UserMistake(`step '${step.name}' is no sink: it is not replayed`);
  const request = { ...range, said: JSON.stringify(range) };
  return interruptedAfter(pulls, (options) => replayInto(step, target, { request, ...options }));
}

/** A command that is interrupted when it has called the function so often. */
async function interruptedAfter(
  pulls: number,
  command: (options: ProgressOptions) => Promise<boolean>,
): Promise<boolean> {
  const interrupted = new AbortController();
  let left = pulls;
  const onProgress = (): void => {
    left--;
    if (left <= 0) interrupted.abort();
  };
  try {
    return await command({ onProgress, signal: interrupted.signal });
  } catch (error) {
    if (interrupted.signal.aborted || error instanceof FunctionFailed) return false;
    throw error;
  }
}

/** Longer than the log takes. */
const RESHARD_MILLIS = 200;

async function append(
  { clock, stage }: World,
  producer: SimulatedProcess,
  given: {
    readonly stream: string;
    readonly events: readonly unknown[];
    readonly key: string | undefined;
    readonly next: () => number;
  },
): Promise<void> {
  const kinesis = {
    send: (command: object) => producer.send({ serviceId: 'Kinesis', command, signal: undefined }),
  } as unknown as Parameters<typeof openLogWriter>[0]['kinesis'];
  const writer = openLogWriter({ kinesis, stream: given.stream });
  let waiting: OutgoingEvent[] = [];
  const flush = async (): Promise<void> => {
    await writer.append(waiting, new AbortController().signal);
    waiting = [];
  };
  await producer.invocation(async () => {
    for (const one of given.events) {
      if (!isGivenRecord(one)) {
        waiting.push(outgoing(asGivenEvent(one), given.key, { clock, ordinal: given.next() }));
        continue;
      }
      await flush();
      const { bytes: Data, key: PartitionKey } = one;
      await kinesis.send(new PutRecordCommand({ StreamName: given.stream, Data, PartitionKey }));
    }
    await flush();
  });
  stage.streams.shards(given.stream);
}

function outgoing(
  { data, key, time, type = 'given', sequence }: GivenEvent,
  keyField: string | undefined,
  { clock, ordinal: number }: { readonly clock: World['clock']; readonly ordinal: number },
): OutgoingEvent {
  const fieldKey = keyField === undefined ? undefined : (data as Row)[keyField];
  return {
    id: `given-${number}`,
    source: '/given',
    type,
    time: time ?? new Date(clock.now()).toISOString(),
    key: key ?? String(fieldKey ?? 'given'),
    sequence,
    traceparent: undefined,
    dataBytes: Buffer.from(JSON.stringify(data)),
  };
}

function namedStep({ steps }: World, pipeline: string, name: string): StepPlan {
  const found =
    steps.find((step) => step.pipeline === pipeline && step.name === name) ?? steps.find((step) => step.name === name);
  if (found !== undefined) return found;
  throw new UserMistake(`there is no step '${name}': there are ${steps.map((step) => step.name).join(', ')}`);
}

const SERVICES = ['lambda', 'kinesis', 'dynamodb', 's3', 'sqs', 'postgres'];

/** A fault at a site that nobody calls would not happen, and nobody would notice. */
function checkSite(site: string, stepOf: (name: string) => StepPlan): void {
  const [step = '', service] = site.split(/[ .]/);
  if (step !== 'operator') stepOf(step);
  if (service === undefined || SERVICES.includes(service)) return;
  throw new UserMistake(`site '${site}': no step calls '${service}'; there are ${SERVICES.join(', ')}`);
}

function streamNameOf(pipeline: Pipeline, { plans, stage }: World, stream: string): string {
  const declaration = pipeline.streams[stream];
  if (declaration === undefined)
    throw new UserMistake(`there is no stream '${stream}': there are ${Object.keys(pipeline.streams).join(', ')}`);
  if ('existing' in declaration) return declaration.existing.slice(declaration.existing.indexOf('/') + 1);
  const owner = 'of' in declaration ? declaration.of : { pipeline: pipeline.name, stream };
  const plan = plans
    .flatMap(({ streams }) => streams)
    .find((one) => one.pipeline === owner.pipeline && one.name === owner.stream);
  if (plan === undefined)
    throw new UserMistake(`stream '${stream}' is of pipeline '${owner.pipeline}': name that in beside`);
  return stage.streamName(plan);
}

/** The sources whose events a reader of the stream deduplicates. */
function ownOf({ steps, stage }: World, stream: string): readonly string[] {
  return steps.flatMap((step) =>
    step.kind !== 'sink' && stage.streamName(step.output) === stream ? [`/${step.pipeline}/${step.name}/`] : [],
  );
}

function bucketNamed({ stage: { names } }: World, name: 'lake' | 'landing' | 'dead letters'): string {
  return name === 'dead letters' ? names.deadLetters : names[name];
}
