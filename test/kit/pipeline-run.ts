import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import type { z } from 'zod';
import type { RewindPoint } from '../../functions/runtime/checkpoints/rewind-state.ts';
import type { MarkLimits } from '../../functions/runtime/checkpoints/runs.ts';
import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { OutgoingEvent } from '../../functions/runtime/event.ts';
import type { DeclaredField } from '../../functions/runtime/json/declared-fields.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import type { StoredDocument } from '../../infra/local/servers/search-indices.ts';
import { pauseStep, resumeStep } from '../../infra/operation/control/pause.ts';
import { remakeTable } from '../../infra/operation/control/remake-table.ts';
import { type ReplayRequest, replayInto } from '../../infra/operation/control/replay.ts';
import { type ProgressOptions, rewindStep } from '../../infra/operation/control/rewind.ts';
import { FunctionFailed } from '../../infra/operation/function-failed.ts';
import { type StepStatus, stepStatus } from '../../infra/operation/status/status.ts';
import type { TargetWithFunctions } from '../../infra/operation/target.ts';
import { hours, type Pipeline, type Streams } from '../../infra/pipelines/pipeline.ts';
import { outputsOf, type StepPlan } from '../../infra/pipelines/plan.ts';
import type { Duration } from '../../infra/pipelines/steps.ts';
import { dropFile, type Posted, type PostOptions, post } from './arrivals.ts';
import type { Deadly } from './deaths.ts';
import type { Item } from './dynamodb-expressions.ts';
import { type Fault, type FaultKind, type FaultRule, faultKinds } from './faults.ts';
import { asGivenEvent, type GivenEvent, type GivenRecord, isGivenRecord } from './given-events.ts';
import { type IcebergView, type RunTable, runTable, viewOf } from './iceberg.ts';
import { type Changed, deployChanged, operate } from './operator.ts';
import { type RedriveOptions, redrivenBy } from './redriving.ts';
import { type Resharding, reshardSomewhere } from './resharding.ts';
import { settle } from './settle.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Constraint, Row, TableCommit, Watcher } from './tables.ts';
import {
  type BucketView,
  bucketView,
  deadLettersOf,
  positionsOf,
  type ShardPosition,
  type StreamView,
  sourcesOf,
  streamView,
} from './views.ts';
import type { AnswerBy, ReceivedRequest } from './webhooks.ts';
import { startWorld, type World } from './world.ts';

/** A running pipeline in a test: give it input, let things happen (`when`), then look at the results. */
export interface PipelineRun<S extends Streams> {
  /**
   * Appends events to a stream, as another team's producer would. `key` names the field of the data that is the key.
   */
  given<K extends keyof S & string>(
    stream: K,
    events: readonly (z.input<S[K]['schema']> | GivenEvent | GivenRecord)[],
    options?: { readonly key?: DeclaredField<z.input<S[K]['schema']>> },
  ): Promise<void>;
  /** Stores a file in the landing bucket, and announces it to the sources that read there. */
  dropped(key: string, content: string | Uint8Array): Promise<void>;
  /** Sends JSON to an HTTP source, and resolves to the reply. */
  posted(source: string, body: unknown, options?: PostOptions): Promise<Posted>;
  readonly when: Actions<S>;
  /**
   * Lets time pass until every step has processed everything. Throws when this takes longer than `within`, by default
   * three hours of the run's clock: a step that always fails never finishes.
   */
  settled(options?: { readonly within?: Duration }): Promise<void>;
  stream(name: keyof S & string): StreamView;
  bucket(name: 'lake' | 'landing' | 'dead letters'): BucketView;
  /** Returns the rows of a table step, or of a table that a sink writes. */
  table(name: string): readonly Row[];
  /** Returns the items of a DynamoDB table that a sink writes, its own item included. */
  items(table: string): readonly Item[];
  /** Returns the documents of an index that a sink writes, by id, its own document included. */
  documents(index: string): ReadonlyMap<string, StoredDocument>;
  /** Returns what each transaction of a table step has changed, in their order. */
  commits(table: string): readonly TableCommit[];
  /** Returns the sources of which a step's states have marks: it drops their repeats. */
  sources(step: string): readonly string[];
  /** Calls the watcher after each commit of a table step. */
  watch(table: string, watcher: Watcher): void;
  /** Returns what the receiver of a webhook has got, in the order of arrival, repeats included. */
  requests(step: string): readonly ReceivedRequest[];
  /** Returns the table that an Iceberg sink writes, as a reader finds it. */
  iceberg(step: string): Promise<IcebergView>;
  /** Returns the table itself, for what others do to it beside the step. */
  icebergTable(step: string): RunTable;
  deadLetters(step: string): readonly DeadLetter[];
  positions(step: string): readonly ShardPosition[];
  /** Returns what `millrace status` shows of a step. */
  status(step: string): Promise<readonly StepStatus[]>;
  /** Returns the faults so far. */
  faults(): readonly Fault[];
  /** Returns the splits and merges so far, with the calls during which they happened. */
  reshardings(): readonly { readonly stream: string; readonly how: Resharding; readonly site: string | undefined }[];
  /** Returns the number of calls so far, by call site. */
  calls(): ReadonlyMap<string, number>;
  /** Returns the time of the run's clock in milliseconds since 1970. */
  now(): number;
  /** Returns what has happened so far, line by line. */
  story(): readonly string[];
  /** Ends the run: nothing happens in it any more, and its memory is freed. Without this, it stays. */
  [Symbol.dispose](): void;
}

export interface Actions<S extends Streams> {
  /** Lets time pass. */
  pass(time: Duration): Promise<void>;
  /** Changes the number of a stream's shards: to at most twice and at least half of the current number. */
  reshard(stream: keyof S & string, shards: number): Promise<void>;
  /**
   * Splits a random shard of the stream, or merges two neighbours. With `during` this returns at once, and the change
   * happens during the call at that site that follows `after` others.
   */
  resharded(stream: keyof S & string, how: Resharding, during?: Pick<FaultRule, 'site' | 'after'>): Promise<void>;
  /**
   * Makes calls of a step fail. `site` is the step's name, optionally with more of the call's name: `cleaning
   * kinesis.PutRecords`. By default the next call fails; `times` says how many, and `after` how many succeed first.
   */
  fails(site: string, kind: FaultKind, options?: Pick<FaultRule, 'times' | 'after'>): void;
  /** Makes any call of any step fail at random, until `most` calls have failed. */
  anythingFails(options: {
    readonly most: number;
    readonly probability?: number;
    readonly kinds?: readonly FaultKind[];
  }): void;
  /** Lets that time pass while all requests at the site are lost. */
  down(site: string, time: Duration): Promise<void>;
  /** Kills all processes of a step, busy or idle. */
  killed(step: string): void;
  /**
   * Pauses a step, and waits like the command until nothing is in flight. Resolves to the work that it could not
   * finish.
   */
  paused(step: string): Promise<readonly string[]>;
  resumed(step: string): Promise<void>;
  /**
   * Rewinds a step, and waits like the command until it has caught up. `pulls` interrupts the command after that many
   * invocations; call this again to continue. Resolves to false when the command was interrupted, the function failed
   * too often in a row, or the step is paused.
   */
  rewound(
    step: string,
    to: RewindPoint,
    options?: { readonly shards?: readonly string[]; readonly pulls?: number },
  ): Promise<boolean>;
  /** Replays a range into a new destination. `pulls` and the result are those of `rewound`. */
  replayed(
    step: string,
    range: { readonly from: RewindPoint; readonly toMillis: number; readonly into: string },
    options?: { readonly pulls?: number },
  ): Promise<boolean>;
  /**
   * Redrives dead letters of a step. The command's own calls may fail, at sites that begin with `operator`. Resolves to
   * false when the command did not finish; call this again then.
   */
  redriven(step: string, options?: RedriveOptions): Promise<boolean>;
  /**
   * Deploys changed code of a step, whatever the step is doing. `code` is the new transform or table, if that has
   * changed.
   */
  deployed(step: string, code?: Changed): void;
  /** Deploys during the call at that site that follows `after` others. Resolves when the code is deployed. */
  deployedDuring(during: Pick<FaultRule, 'site' | 'after'>, step: string, code?: Changed): Promise<void>;
  /** Moves the shards of a continuous step to another poller: the batch in flight is retried, cut differently. */
  recut(step: string): void;
  /**
   * Makes events kill the step's function, each time that it is about to process one for which `deadly` returns a
   * death.
   */
  deadly(step: string, deadly: Deadly): void;
  /**
   * Keeps the rows and the progress of a Postgres sink or a table. Call the result to restore them, as from a backup.
   */
  backedUp(step: string): () => void;
  /** Keeps the checkpoints of all steps. Call the result to restore them, as from a backup. */
  checkpointsBackedUp(): () => void;
  /** Makes a table, of a table step or of a sink, reject the rows for which this returns the name of a constraint. */
  refused(table: string, constraint: Constraint): void;
  /** Makes the receiver of a webhook answer with the status that this returns. Without it, with 204. */
  answered(step: string, by: AnswerBy): void;
}

export interface RunOptions {
  /** 1 by default. */
  readonly seed?: number;
  /** RFC 3339; by default the beginning of 2026. */
  readonly start?: string;
  /** The streams' limit for a record, below what AWS allows, so that a few events already need several records. */
  readonly recordBytes?: number;
  /**
   * How often a mapping polls an idle shard: by default each second, as Lambda does. Long times pass faster with a
   * larger value.
   */
  readonly pollMillis?: number;
  /** Smaller limits for the marks in a state, so that few marks already have pages. */
  readonly markLimits?: MarkLimits;
  /** Other pipelines to run too, because this one uses their streams. */
  readonly beside?: readonly Pipeline[];
  /** Gets each line that a step's function logs: errors and metrics. */
  readonly onLine?: (step: string, line: string) => void;
}

/** Starts a pipeline with empty streams, buckets and tables. */
export async function startPipelineRun<S extends Streams>(
  pipeline: Pipeline<S>,
  { seed = 1, start = '2026-01-01T00:00:00Z', beside = [], ...more }: RunOptions = {},
): Promise<PipelineRun<S>> {
  const { recordBytes, pollMillis, markLimits, onLine } = more;
  const startMillis = Date.parse(start);
  const pipelines = [pipeline, ...beside];
  const world = await startWorld({ pipelines, seed, startMillis, recordBytes, pollMillis, markLimits, onLine });
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
        const change = async (site?: string): Promise<void> => {
          story.tell(`${stream}: a ${how}${site === undefined ? '' : ` during ${site}`}`);
          await reshardSomewhere(world, nameOf(stream), how);
          reshardings.push({ stream, how, site });
        };
        if (during === undefined) return clock.runUntil(change());
        checkSite(during.site, stepOf);
        faults.meanwhile(during, change);
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
        story.tell(`${step} is resumed`);
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
      deployed(step, code) {
        story.tell(`changed code of ${step} is deployed`);
        deployChanged(world, stepOf(step), code);
      },
      deployedDuring(during, step, code) {
        checkSite(during.site, stepOf);
        return new Promise((resolve) => {
          faults.meanwhile(during, async () => {
            story.tell(`changed code of ${step} is deployed`);
            deployChanged(world, stepOf(step), code);
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
      backedUp(name) {
        const { pipeline: of, options, kind } = stepOf(name);
        const { table } = kind === 'table' ? { table: `${of}.${name}` } : (options as { readonly table: string });
        const restore = stage.tables.backUp({ table, step: `${of}/${name}` });
        return () => {
          story.tell(`the database of ${name} is restored`);
          restore();
        };
      },
      checkpointsBackedUp() {
        const restore = stage.dynamodb.backUp(stage.names.checkpoints);
        return () => {
          story.tell('the checkpoints are restored');
          restore();
        };
      },
      answered: (name, by) => stage.webhooks.answer(pathOf(stepOf(name)), by),
      refused: (table, constraint) => stage.tables.constrain(tableNamed(world, pipeline.name, table), constraint),
    },
    settled: ({ within = hours(3) } = {}) => settle(world, within),
    stream: (name) => streamView(world, nameOf(name), ownOf(world, nameOf(name))),
    bucket: (name) => bucketView(world, bucketNamed(world, name)),
    table: (name) => stage.tables.rows(tableNamed(world, pipeline.name, name)),
    items: (name) => stage.dynamodb.items(`${stage.names.tablePrefix}${name}`),
    documents: (name) => stage.search.documents(`${stage.names.tablePrefix}${name}`),
    sources: (name) => sourcesOf(world, stepOf(name)),
    commits: (table) => stage.tables.commits(`${pipeline.name}/${table}`),
    watch: (name, watcher) => stage.tables.watch(tableNamed(world, pipeline.name, name), watcher),
    requests: (name) => stage.webhooks.requests(pathOf(stepOf(name))),
    iceberg(name) {
      const table = runTable(stage, optionsOf(stepOf(name)));
      return viewOf(table.catalog, table, (url) => table.read(url));
    },
    icebergTable: (name) => runTable(stage, optionsOf(stepOf(name))),
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
    [Symbol.dispose]: () => clock.end(),
  };
}

function optionsOf(step: StepPlan): { readonly options: unknown } {
  if (step.kind === 'sink' && step.connector === 'iceberg') return step;
  throw new UserMistake(`step '${step.name}' writes to no Iceberg table`);
}

/** Each request to make a table again has an id of its own. */
let requests = 0;

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
  if (step.kind === 'table' && to === 'earliest')
    return interruptedAfter(pulls, (options) => remakeTable(step, target, { id: `request ${++requests}`, ...options }));
  const request = { to, said: JSON.stringify(to), shards };
  return interruptedAfter(pulls, (options) => rewindStep(step, target, { request, ...options }));
}

async function replayedBy(
  step: StepPlan,
  target: TargetWithFunctions,
  { range, pulls }: { readonly range: Omit<ReplayRequest, 'said'>; readonly pulls: number },
): Promise<boolean> {
  if (step.kind !== 'sink') throw new UserMistake(`step '${step.name}' is not a sink: only sinks can be replayed`);
  const request = { ...range, said: JSON.stringify(range) };
  return interruptedAfter(pulls, (options) => replayInto(step, target, { request, ...options }));
}

/** Runs a command, and interrupts it after `pulls` invocations. */
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

/** Longer than the emulated log takes to reshard. */
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

/** Returns the name of a table in the model: that of a table step has the pipeline's name before it, as its schema. */
function tableNamed({ steps }: World, pipeline: string, name: string): string {
  const isStep = steps.some((step) => step.kind === 'table' && step.pipeline === pipeline && step.name === name);
  return isStep ? `${pipeline}.${name}` : name;
}

function pathOf({ pipeline, name }: StepPlan): string {
  return `/${pipeline}/${name}`;
}

const SERVICES = ['lambda', 'kinesis', 'dynamodb', 's3', 'sqs', 'postgres', 'webhook', 'opensearch', 'iceberg'];

/** Throws when no step makes a call at the site: such a fault would never happen, and the test would not notice. */
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
    throw new UserMistake(`stream '${stream}' belongs to pipeline '${owner.pipeline}': add that pipeline to beside`);
  return stage.streamName(plan);
}

/** Returns prefixes of the sources whose events a reader of the stream deduplicates. */
function ownOf({ steps, stage }: World, stream: string): readonly string[] {
  return steps.flatMap((step) =>
    outputsOf(step).some((output) => stage.streamName(output) === stream) ? [`/${step.pipeline}/${step.name}/`] : [],
  );
}

function bucketNamed({ stage: { names } }: World, name: 'lake' | 'landing' | 'dead letters'): string {
  return name === 'dead letters' ? names.deadLetters : names[name];
}
