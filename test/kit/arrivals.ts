import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from 'aws-lambda';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { randomUuid } from '../../infra/emulator/random-uuid.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { World } from './world.ts';

/**
 * Stores a file in the landing bucket, and announces it to the queues of the sources whose prefix its key begins with.
 */
export async function dropFile(
  { stage, steps, clock }: World,
  key: string,
  content: string | Uint8Array,
): Promise<void> {
  const { s3, sqs, names } = stage;
  const Body = Buffer.from(content as string);
  const { ETag } = (await s3.call(new PutObjectCommand({ Bucket: names.landing, Key: key, Body }))) as { ETag: string };
  const announcement = {
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: new Date(clock.now()).toISOString(),
    detail: {
      version: '0',
      bucket: { name: names.landing },
      object: { key, size: Body.length, etag: ETag.replaceAll('"', '') },
    },
  };
  const reading = steps.filter(({ delivery, options }) => delivery === 'queue' && key.startsWith(prefixOf(options)));
  if (reading.length === 0) throw new UserMistake(`no source reads the file '${key}': no prefix is its beginning`);
  for (const { pipeline, name } of reading) {
    const QueueUrl = sqs.urlOf(names.step(pipeline, name));
    await sqs.call(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(announcement) }));
  }
}

export interface PostOptions {
  /** `application/json` by default. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Posted {
  readonly status: number;
  /** The parsed body, if it is JSON. */
  readonly body: unknown;
}

/** Sends a POST request to a source's function URL. */
export async function post(
  { functions, clock, randomOf, story }: World,
  step: StepPlan,
  { body, contentType = 'application/json', headers = {} }: PostOptions & { readonly body: unknown },
): Promise<Posted> {
  if (step.delivery !== 'request') throw new UserMistake(`step '${step.name}' answers no requests`);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = requestOf(text, { ...headers, 'content-type': contentType }, clock.now());
  const requestId = randomUuid(randomOf(`request at ${clock.now()}`));
  const result = await functions.invoke(step, { payload: JSON.stringify(request), requestId });
  const posted = replyOf(
    result.outcome === 'returned' ? (JSON.parse(result.payload) as LambdaFunctionURLResult) : result.outcome,
  );
  story.tell(`posted to ${step.name}: ${posted.status}`);
  return posted;
}

function replyOf(result: LambdaFunctionURLResult): Posted {
  if (result === 'throttled') return { status: 429, body: undefined };
  if (typeof result === 'string') return { status: 502, body: undefined };
  return { status: result.statusCode ?? 200, body: result.body === undefined ? undefined : JSON.parse(result.body) };
}

function requestOf(body: string, headers: Record<string, string>, timeEpoch: number): LambdaFunctionURLEvent {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'test',
      domainName: 'test',
      domainPrefix: 'test',
      http: { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'test',
      routeKey: '$default',
      stage: '$default',
      time: new Date(timeEpoch).toUTCString(),
      timeEpoch,
    },
    body,
    isBase64Encoded: false,
  };
}

function prefixOf(options: unknown): string {
  return (options as { readonly prefix?: string }).prefix ?? '';
}
