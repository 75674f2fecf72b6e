import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letters.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { isPosition, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';

/** A dead letter as it is listed: what it holds is another call. */
export interface StoredLetter {
  /** `<pipeline>/<step>/<hash of the key>`: short enough to be copied. */
  readonly id: string;
  readonly key: string;
  /** Names the shard, or the item, that it was in. */
  readonly shard: string;
  /** When it was last stored. */
  readonly storedMillis: number;
}

const STORED = 'dead-letters/';

/** What became of a dead letter that is off the list: it is kept below this prefix. */
export type Settled = 'discarded' | 'redriven';

/** The dead letters of a pipeline, or of one step of it, by their keys. */
export async function* listLetters(
  { clients, names }: Target,
  of: { readonly pipeline: string; readonly step?: string | undefined },
  abortSignal: AbortSignal,
): AsyncGenerator<StoredLetter> {
  const Prefix = `${STORED}${of.pipeline}/${of.step === undefined ? '' : `${of.step}/`}`;
  for (let ContinuationToken: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket: names.deadLetters, Prefix, ContinuationToken });
    const page = await clients.s3.send(command, { abortSignal });
    for (const { Key = '', LastModified } of page.Contents ?? []) yield storedAs(Key, LastModified);
    if (page.NextContinuationToken === undefined) return;
    ContinuationToken = page.NextContinuationToken;
  }
}

export async function deadLettersByShard(
  target: Target,
  { pipeline, name }: StepPlan,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { shard } of listLetters(target, { pipeline, step: name }, signal)) {
    counts.set(shard, (counts.get(shard) ?? 0) + 1);
  }
  return counts;
}

export async function readLetter(
  { clients, names }: Target,
  key: string,
  abortSignal: AbortSignal,
): Promise<DeadLetter> {
  const command = new GetObjectCommand({ Bucket: names.deadLetters, Key: key });
  const { Body } = await clients.s3.send(command, { abortSignal });
  return JSON.parse(await text(Body as Readable)) as DeadLetter;
}

/** Undefined when it is not there any more. */
export async function findStored(target: Target, key: string, signal: AbortSignal): Promise<DeadLetter | undefined> {
  try {
    return await readLetter(target, key, signal);
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/**
 * A dead letter with its id, and when it was last stored (RFC 3339). Of one that was in a stream: which record it was
 * in.
 */
export type KnownLetter = DeadLetter &
  Pick<StoredLetter, 'id'> & { readonly stored: string; readonly sequenceNumber?: string };

export interface ReadLetters {
  readonly letters: readonly KnownLetter[];
  /** How many there are beyond those that were read. */
  readonly unread: number;
}

/** Each is an object of its own. */
const MOST_READ = 2_000;
const AT_ONCE = 32;

/** What the first dead letters of a pipeline or step hold, by their keys, and how many more there are. */
export async function readLetters(
  target: Target,
  of: { readonly pipeline: string; readonly step?: string | undefined },
  signal: AbortSignal,
): Promise<ReadLetters> {
  const stored = await Array.fromAsync(listLetters(target, of, signal));
  const letters = await readEach(target, stored.slice(0, MOST_READ), signal);
  return { letters, unread: stored.length - letters.length };
}

/** What these dead letters hold, in their order. */
export async function readEach(
  target: Target,
  stored: readonly StoredLetter[],
  signal: AbortSignal,
): Promise<readonly KnownLetter[]> {
  const letters: KnownLetter[] = [];
  for (let first = 0; first < stored.length; first += AT_ONCE) {
    const some = stored.slice(first, first + AT_ONCE);
    letters.push(
      ...(await Promise.all(some.map(async (one) => knownLetter(one, await readLetter(target, one.key, signal))))),
    );
  }
  return letters;
}

export function knownLetter({ id, storedMillis }: StoredLetter, letter: DeadLetter): KnownLetter {
  const { shard, at } = letter;
  return {
    id,
    stored: new Date(storedMillis).toISOString(),
    ...letter,
    // Of an item, it is a place in that.
    ...(isPosition(at) && shard.includes('/shardId-') ? { sequenceNumber: sequenceNumberOf(at) } : {}),
  };
}

/** The bytes that were refused, as they came. */
export function originalBytes({ text, base64 }: DeadLetter): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}

/** Throws a `UserMistake` when there is none of this id. */
export async function findLetter(target: Target, id: string, signal: AbortSignal): Promise<StoredLetter> {
  const [pipeline, step, hash, ...more] = id.split('/');
  if (pipeline === undefined || step === undefined || !hash || more.length > 0) {
    throw new UserMistake(`'${id}' is no dead letter's id: one looks like sensors/cleaning/3f2a91c07b`);
  }
  for await (const stored of listLetters(target, { pipeline, step }, signal)) if (stored.id === id) return stored;
  throw new UserMistake(
    `there is no dead letter '${id}': millrace dead-letters ${pipeline} ${step} lists those there are`,
  );
}

/** Takes a dead letter off the list for good, and keeps it with the reason. */
export async function discardLetter(
  target: Target,
  { key }: StoredLetter,
  why: { readonly reason: string; readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<void> {
  const letter = await readLetter(target, key, why.signal);
  const discarded = { reason: why.reason, time: new Date(why.nowMillis).toISOString() };
  await settleLetter(target, { key, as: 'discarded', letter: { ...letter, discarded } }, why.signal);
}

/**
 * Keeps a dead letter below another prefix and takes it off the list. In this order, so what is interrupted in between
 * is done again, into the same place.
 */
export async function settleLetter(
  target: Target,
  { key, as, letter }: { readonly key: string; readonly as: Settled; readonly letter: object },
  signal: AbortSignal,
): Promise<void> {
  const { clients, names } = target;
  const to = {
    Bucket: names.deadLetters,
    Key: settledKey(key, as),
    Body: JSON.stringify(letter),
    ContentType: 'application/json',
  };
  await clients.s3.send(new PutObjectCommand(to), { abortSignal: signal });
  await takeOff(target, key, signal);
}

/** Whether the dead letter of this key has been settled so before, and perhaps was stored again since. */
export async function isSettled(
  target: Target,
  { key, as }: { readonly key: string; readonly as: Settled },
  signal: AbortSignal,
): Promise<boolean> {
  return (await findStored(target, settledKey(key, as), signal)) !== undefined;
}

export async function takeOff({ clients, names }: Target, key: string, abortSignal: AbortSignal): Promise<void> {
  await clients.s3.send(new DeleteObjectCommand({ Bucket: names.deadLetters, Key: key }), { abortSignal });
}

/** The id of the dead letter with this key. */
export function letterId(key: string): string {
  return storedAs(key).id;
}

function settledKey(key: string, as: Settled): string {
  return `${as}/${key.slice(STORED.length)}`;
}

function storedAs(key: string, stored = new Date(0)): StoredLetter {
  const [pipeline = '', step = '', ...rest] = key.slice(STORED.length).split('/');
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 10);
  const id = `${pipeline}/${step}/${hash}`;
  return { id, key, shard: rest.slice(0, -1).join('/'), storedMillis: stored.getTime() };
}
