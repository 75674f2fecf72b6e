import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letters.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { isPosition, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';

/** A dead letter as the bucket lists it, without its content. */
export interface StoredLetter {
  /** `<pipeline>/<step>/<hash of the key>`: short enough to copy. */
  readonly id: string;
  readonly key: string;
  /** The shard or the item that it came from. */
  readonly shard: string;
  /** When it was last stored. */
  readonly storedMillis: number;
}

const STORED = 'dead-letters/';

/** Where dead letters are kept after they are removed from the list: the prefix of their new key. */
export type MovedTo = 'discarded' | 'redriven';

/** Lists the dead letters of a pipeline or of one of its steps, in the order of their keys. */
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

/** Counts a step's dead letters by shard. */
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

/** Reads a dead letter. Undefined when it is no longer on the list. */
export async function findStored(target: Target, key: string, signal: AbortSignal): Promise<DeadLetter | undefined> {
  try {
    return await readLetter(target, key, signal);
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/**
 * A dead letter with its id, the time when it was last stored (RFC 3339), and the sequence number of its record if it
 * came from a stream.
 */
export type KnownLetter = DeadLetter &
  Pick<StoredLetter, 'id'> & { readonly stored: string; readonly sequenceNumber?: string };

export interface ReadLetters {
  readonly letters: readonly KnownLetter[];
  /** How many more are stored but were not read. */
  readonly unread: number;
}

/** Each dead letter is an object of its own, and takes a request. */
const MOST_READ = 2_000;
const AT_ONCE = 32;

/** Reads the first dead letters of a pipeline or step, in the order of their keys, and counts the rest. */
export async function readLetters(
  target: Target,
  of: { readonly pipeline: string; readonly step?: string | undefined },
  signal: AbortSignal,
): Promise<ReadLetters> {
  const stored = await Array.fromAsync(listLetters(target, of, signal));
  const letters = await readEach(target, stored.slice(0, MOST_READ), signal);
  return { letters, unread: stored.length - letters.length };
}

/** Reads these dead letters, in their order. */
export async function readEach(
  target: Target,
  stored: readonly StoredLetter[],
  signal: AbortSignal,
): Promise<readonly KnownLetter[]> {
  const letters: KnownLetter[] = [];
  const readOne = async (letter: StoredLetter): Promise<KnownLetter> =>
    knownLetter(letter, await readLetter(target, letter.key, signal));
  for (let first = 0; first < stored.length; first += AT_ONCE) {
    letters.push(...(await Promise.all(stored.slice(first, first + AT_ONCE).map(readOne))));
  }
  return letters;
}

export function knownLetter({ id, storedMillis }: StoredLetter, letter: DeadLetter): KnownLetter {
  const { shard, at } = letter;
  return {
    id,
    stored: new Date(storedMillis).toISOString(),
    ...letter,
    // In an item, the position is no sequence number.
    ...(isPosition(at) && shard.includes('/shardId-') ? { sequenceNumber: sequenceNumberOf(at) } : {}),
  };
}

/** Returns the rejected bytes, unchanged. */
export function originalBytes({ text, base64 }: DeadLetter): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}

/** Finds a dead letter by its id. Throws a `UserMistake` when there is none. */
export async function findLetter(target: Target, id: string, signal: AbortSignal): Promise<StoredLetter> {
  const [pipeline, step, hash, ...more] = id.split('/');
  if (pipeline === undefined || step === undefined || !hash || more.length > 0) {
    throw new UserMistake(`invalid id '${id}'; the id of a dead letter looks like sensors/cleaning/3f2a91c07b`);
  }
  for await (const stored of listLetters(target, { pipeline, step }, signal)) if (stored.id === id) return stored;
  throw new UserMistake(`there is no dead letter '${id}'; millrace dead-letters ${pipeline} ${step} lists the ids`);
}

/** Moves a dead letter off the list, to `discarded/`, with the operator's reason. */
export async function discardLetter(
  target: Target,
  { key }: StoredLetter,
  { reason, nowMillis, signal }: { readonly reason: string; readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<void> {
  const letter = await readLetter(target, key, signal);
  const discarded = { reason, time: new Date(nowMillis).toISOString() };
  await moveLetter(target, { key, to: 'discarded', letter: { ...letter, discarded } }, signal);
}

/**
 * Moves a dead letter off the list. Writes the copy first and deletes the original second, so a move that is
 * interrupted in between can be repeated: it writes the same key again.
 */
export async function moveLetter(
  target: Target,
  { key, to, letter }: { readonly key: string; readonly to: MovedTo; readonly letter: object },
  signal: AbortSignal,
): Promise<void> {
  const { clients, names } = target;
  const copy = {
    Bucket: names.deadLetters,
    Key: movedKey(key, to),
    Body: JSON.stringify(letter),
    ContentType: 'application/json',
  };
  await clients.s3.send(new PutObjectCommand(copy), { abortSignal: signal });
  await deleteLetter(target, key, signal);
}

/** Tells whether a dead letter with this key was moved there before. It may have been stored again since. */
export async function wasMoved(
  target: Target,
  { key, to }: { readonly key: string; readonly to: MovedTo },
  signal: AbortSignal,
): Promise<boolean> {
  return (await findStored(target, movedKey(key, to), signal)) !== undefined;
}

/** Removes a dead letter from the list without keeping it. */
export async function deleteLetter({ clients, names }: Target, key: string, abortSignal: AbortSignal): Promise<void> {
  await clients.s3.send(new DeleteObjectCommand({ Bucket: names.deadLetters, Key: key }), { abortSignal });
}

/** Returns the id of the dead letter with this key. */
export function letterId(key: string): string {
  return storedAs(key).id;
}

function movedKey(key: string, to: MovedTo): string {
  return `${to}/${key.slice(STORED.length)}`;
}

function storedAs(key: string, stored = new Date(0)): StoredLetter {
  const [pipeline = '', step = '', ...rest] = key.slice(STORED.length).split('/');
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 10);
  const id = `${pipeline}/${step}/${hash}`;
  return { id, key, shard: rest.slice(0, -1).join('/'), storedMillis: stored.getTime() };
}
