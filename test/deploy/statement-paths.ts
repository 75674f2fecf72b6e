import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openCheckpoints } from '../../functions/runtime/checkpoints/checkpoints.ts';
import { loadPause, savePause } from '../../functions/runtime/pause/pause.ts';
import { saveReplay } from '../../functions/runtime/replay/plan.ts';
import { isPulled, isScheduled } from '../../infra/local/runner.ts';
import type { ReaderPlan, SinkPlan, StepPlan } from '../../infra/pipelines/plan.ts';
import { type Invoked, invokeCold } from './cold-invocation.ts';
import type { Deployed } from './deployed.ts';
import { LONGEST_MILLIS } from './longest.ts';
import { putSamples, sampleFile, samplesOf } from './samples.ts';
import { readingOf } from './traffic.ts';

/** One thing that a step does, common or rare. */
export interface Path {
  readonly what: string;
  /** Resolves to undefined when it succeeds; otherwise to the function's answer and log. */
  readonly run: () => Promise<string | undefined>;
}

/** Returns what a step's function does. Each path runs in a process of its own. */
export async function pathsOf(step: StepPlan, deployed: Deployed): Promise<readonly Path[]> {
  if (isPulled(step)) return pulledPaths(step, deployed);
  if (step.kind === 'source')
    return step.delivery === 'request' ? requestPaths(step, deployed) : queuePaths(step, deployed);
  const samples = await samplesOf(step.input.stream, deployed);
  return isScheduled(step) ? scheduledPaths(step, samples, deployed) : continuousPaths(step, samples, deployed);
}

function pulledPaths(step: StepPlan, deployed: Deployed): readonly Path[] {
  const run = async () => {
    const invoked = await invokeCold(functionOf(step, deployed), {}, deployed);
    return unless(invoked.answer === null || invoked.answer === undefined, invoked);
  };
  return [
    { what: 'appends what it reads', run },
    { what: 'rests while it is paused', run: () => whilePaused(step, deployed, run) },
  ];
}

function requestPaths(step: StepPlan, deployed: Deployed): readonly Path[] {
  const post = async (expected: number) => {
    const invoked = await invokeCold(
      functionOf(step, deployed),
      requestOf(JSON.stringify(readingOf('sample', 0))),
      deployed,
    );
    return unless(Object(invoked.answer).statusCode === expected, invoked);
  };
  return [
    { what: 'appends the events of a request', run: () => post(202) },
    { what: 'answers 503 while it is paused', run: () => whilePaused(step, deployed, () => post(503)) },
  ];
}

function requestOf(body: string) {
  const http = { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'sample' };
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: { 'content-type': 'application/json' },
    requestContext: { http, timeEpoch: Date.now() },
    body,
    isBase64Encoded: false,
  };
}

function queuePaths(step: StepPlan, deployed: Deployed): readonly Path[] {
  const { clients, names } = deployed;
  const announce = async (object: Announced) => {
    const message = { messageId: `m${process.hrtime.bigint()}`, body: announcementOf(names.landing, object) };
    const invoked = await invokeCold(functionOf(step, deployed), { Records: [message] }, deployed);
    return unless(isDone(invoked), invoked);
  };
  const land = async () => {
    const Key = `orders/sample-${process.hrtime.bigint()}.csv`;
    const put = new PutObjectCommand({ Bucket: names.landing, Key, Body: await sampleFile() });
    const { ETag = '', VersionId = '' } = await clients.s3.send(put);
    return { key: Key, etag: ETag.replaceAll('"', ''), 'version-id': VersionId };
  };
  const versionless = ({ key, etag }: Announced): Announced => ({ key, etag });
  return [
    { what: 'reads the announced version of a file', run: async () => announce(await land()) },
    { what: 'reads a file announced without a version', run: async () => announce(versionless(await land())) },
    {
      what: 'continues when a file was deleted',
      run: () => announce({ key: `orders/gone-${process.hrtime.bigint()}.csv`, etag: '0' }),
    },
    {
      what: 'puts an announcement back while it is paused',
      run: () => whilePaused(step, deployed, async () => announce(await land())),
    },
  ];
}

interface Announced {
  readonly key: string;
  readonly etag: string;
  readonly 'version-id'?: string;
}

function announcementOf(bucket: string, object: Announced): string {
  return JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: bucket }, object },
  });
}

function continuousPaths(step: ReaderPlan, samples: readonly string[], deployed: Deployed): readonly Path[] {
  const deliver = async () =>
    invokeCold(functionOf(step, deployed), await putSamples(step.input.stream, samples, deployed), deployed);
  return [
    {
      what: 'processes a batch with an invalid record',
      async run() {
        const invoked = await deliver();
        return unless(isDone(invoked), invoked);
      },
    },
    {
      what: 'records that it is idle while it is paused',
      run: () =>
        whilePaused(step, deployed, async (revision) => {
          const invoked = await deliver();
          return unless(!isDone(invoked) && (await hasNotedRest(step, revision, deployed)), invoked);
        }),
    },
  ];
}

function scheduledPaths(step: SinkPlan, samples: readonly string[], deployed: Deployed): readonly Path[] {
  return [
    {
      what: 'writes new events, with an invalid record among them',
      async run() {
        await putSamples(step.input.stream, samples, deployed);
        const invoked = await invokeCold(functionOf(step, deployed), {}, deployed);
        return unless(!invoked.threw, invoked);
      },
    },
    { what: 'replays its input into a new destination', run: () => replay(step, deployed) },
  ];
}

async function replay(step: SinkPlan, deployed: Deployed): Promise<string | undefined> {
  const { clients, names } = deployed;
  const id = `sample-${process.hrtime.bigint()}`;
  const name = `${step.pipeline}/${step.name}`;
  const checkpoints = openCheckpoints({ dynamodb: clients.dynamodb, table: names.checkpoints, step: name });
  const times = { askedMillis: Date.now(), toMillis: Date.now() };
  const plan = { phase: 'asked', from: 'earliest', into: id, ...times } as const;
  await saveReplay(checkpoints, { revision: 0, plan: undefined }, { id, plan, signal: new AbortController().signal });
  const invoked = await invokeCold(functionOf(step, deployed), { millrace: 'replay', id }, deployed);
  return unless(!invoked.threw, invoked);
}

function functionOf({ pipeline, name }: StepPlan, { names }: Deployed): string {
  return names.step(pipeline, name);
}

/** Tells whether the function accepted the whole batch. */
function isDone({ answer, threw }: Invoked): boolean {
  return !threw && Array.isArray(Object(answer).batchItemFailures) && Object(answer).batchItemFailures.length === 0;
}

export function unless(done: boolean, { answer, log }: Invoked): string | undefined {
  return done ? undefined : `${JSON.stringify(answer)}\n${log}`;
}

/**
 * Runs `work` while the step is paused, since an hour ago so that every process knows. `work` gets the pause's
 * revision.
 */
async function whilePaused<T>(
  { pipeline, name }: StepPlan,
  { clients, names }: Deployed,
  work: (revision: number) => Promise<T>,
): Promise<T> {
  const step = `${pipeline}/${name}`;
  const checkpoints = openCheckpoints({ dynamodb: clients.dynamodb, table: names.checkpoints, step });
  const signal = AbortSignal.timeout(LONGEST_MILLIS);
  const from = await loadPause(checkpoints, signal);
  const paused = await savePause(checkpoints, from, { sinceMillis: Date.now() - 3_600_000, signal });
  try {
    return await work(paused.revision);
  } finally {
    await savePause(checkpoints, paused, { sinceMillis: undefined, signal });
  }
}

async function hasNotedRest(
  { pipeline, name }: StepPlan,
  revision: number,
  { clients, names }: Deployed,
): Promise<boolean> {
  const { Items = [] } = await clients.dynamodb.send(
    new QueryCommand({
      TableName: names.checkpoints,
      ConsistentRead: true,
      KeyConditionExpression: '#step = :step AND begins_with(#key, :held)',
      ExpressionAttributeNames: { '#step': 'step', '#key': 'key' },
      ExpressionAttributeValues: { ':step': { S: `${pipeline}/${name}` }, ':held': { S: 'held/' } },
    }),
  );
  return Items.some(({ state }) => (JSON.parse(state?.S ?? '{}') as { pause?: number }).pause === revision);
}
