import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { nameOfOne, objectsOfMany } from '../../../functions/runtime/dead-letters/letter-objects.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { isPosition, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';
import {
  groupsOf,
  idOf,
  type LetterFolder,
  type LetterTarget,
  type ListedObject,
  listFolders,
} from './letter-folders.ts';
import { each, objectOf, placeOf, placesIn, readStored, removeStored, storedKey } from './stored-letters.ts';

/** A dead letter as the bucket lists it, without its content. */
export interface StoredLetter {
  /** `<pipeline>/<step>/<hash>`: short enough to copy. It follows from where the letter was rejected. */
  readonly id: string;
  /** Where it is stored (`storedKey`). */
  readonly key: string;
  /** Where it is stored too, because its step repeated a portion and cut it otherwise. */
  readonly copies: readonly string[];
  /** The shard or the item that it came from. */
  readonly shard: string;
  /** When it was last stored. */
  readonly storedMillis: number;
}

const STORED = 'dead-letters/';

/** Where dead letters are kept after they are removed from the list: the prefix of their new key. */
export type MovedTo = 'discarded' | 'redriven';

/** A pipeline, or one of its steps. */
export interface LetterOwner {
  readonly pipeline: string;
  readonly step?: string | undefined;
}

function prefixOf({ pipeline, step }: LetterOwner): string {
  return `${STORED}${pipeline}/${step === undefined ? '' : `${step}/`}`;
}

/** Lists the dead letters of a pipeline or of one of its steps, shard by shard, in the order of the shard. */
export function listLetters(target: LetterTarget, of: LetterOwner, signal: AbortSignal): AsyncGenerator<StoredLetter> {
  return listBelow(target, prefixOf(of), signal);
}

async function* listBelow(target: LetterTarget, prefix: string, signal: AbortSignal): AsyncGenerator<StoredLetter> {
  for await (const folder of listFolders(target, prefix, signal)) {
    const groups = groupsOf(folder);
    for (let first = 0; first < groups.length; first += GROUPS_AT_ONCE) {
      const some = groups.slice(first, first + GROUPS_AT_ONCE);
      for (const letters of await each(some, (group) => lettersIn(target, { folder, group }, signal))) yield* letters;
    }
  }
}

/** The objects of some thousand letters each that are read at once. */
const GROUPS_AT_ONCE = 8;

async function lettersIn(
  target: LetterTarget,
  { folder, group }: { readonly folder: LetterFolder; readonly group: readonly ListedObject[] },
  signal: AbortSignal,
): Promise<readonly StoredLetter[]> {
  const { prefix } = folder;
  const shard = prefix.split('/').slice(3, -1).join('/');
  const letters = new Map<string, StoredLetter>();
  for (const object of group) {
    for (const at of await placesIn(target, object, signal)) {
      const known = letters.get(at);
      letters.set(at, {
        id: known?.id ?? idOf(prefix, at),
        key: storedKey(object, at),
        copies: known === undefined ? [] : [...known.copies, known.key],
        shard,
        storedMillis: Math.max(object.storedMillis, known?.storedMillis ?? 0),
      });
    }
  }
  return group.length === 1 ? [...letters.values()] : [...letters].sort(([a], [b]) => (a < b ? -1 : 1)).map(second);
}

function second<T>([, value]: readonly [string, T]): T {
  return value;
}

/** Counts dead letters by shard. Reads no object but those from which letters were removed, or that overlap. */
async function countByShard(target: LetterTarget, of: LetterOwner, signal: AbortSignal): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const folder of listFolders(target, prefixOf(of), signal)) {
    const shard = folder.prefix.split('/').slice(3, -1).join('/');
    const groups = groupsOf(folder);
    const clear = groups.flatMap((group) => (isClear(group) ? group : []));
    const others = await each(
      groups.filter((group) => !isClear(group)),
      async (group) => (await lettersIn(target, { folder, group }, signal)).length,
    );
    const count = [...clear.map((object) => object.count), ...others].reduce((sum, one) => sum + one, 0);
    counts.set(shard, (counts.get(shard) ?? 0) + count);
  }
  return counts;
}

function isClear(group: readonly ListedObject[]): boolean {
  return group.length === 1 && group[0]?.removals.length === 0;
}

/** Counts a step's dead letters by shard. */
export function deadLettersByShard(
  target: Target,
  { pipeline, name }: StepPlan,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  return countByShard(target, { pipeline, step: name }, signal);
}

export async function readLetter(target: LetterTarget, key: string, signal: AbortSignal): Promise<DeadLetter> {
  const letter = await findStored(target, key, signal);
  if (letter === undefined) throw new Error(`there is no dead letter at ${key} any more`);
  return letter;
}

/** Reads a dead letter. Undefined when it is no longer on the list. */
async function findStored(target: LetterTarget, key: string, signal: AbortSignal): Promise<DeadLetter | undefined> {
  return (await readStored(target, [key], signal))[0];
}

/** Reads every dead letter below a prefix of `dead-letters/`: of all pipelines when it is empty. */
export async function readAll(
  target: LetterTarget,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly DeadLetter[]> {
  const stored = await Array.fromAsync(listBelow(target, `${STORED}${prefix}`, signal));
  const letters = await readStored(
    target,
    stored.map(({ key }) => key),
    signal,
  );
  return letters.filter((letter) => letter !== undefined);
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

/** A terminal shows no more, and each of them takes a request when it is alone in its portion. */
const MOST_READ = 2_000;

/** Reads the first dead letters of a pipeline or step, and counts the rest. */
export async function readLetters(target: LetterTarget, of: LetterOwner, signal: AbortSignal): Promise<ReadLetters> {
  const stored: StoredLetter[] = [];
  for await (const letter of listLetters(target, of, signal)) {
    stored.push(letter);
    if (stored.length === MOST_READ) break;
  }
  const letters = await readEach(target, stored, signal);
  if (stored.length < MOST_READ) return { letters, unread: 0 };
  const counts = await countByShard(target, of, signal);
  const all = [...counts.values()].reduce((sum, one) => sum + one, 0);
  return { letters, unread: Math.max(0, all - stored.length) };
}

/** Reads these dead letters, in their order. Leaves out those that are no longer on the list. */
export async function readEach(
  target: LetterTarget,
  stored: readonly StoredLetter[],
  signal: AbortSignal,
): Promise<readonly KnownLetter[]> {
  const keys = stored.map(({ key }) => key);
  const letters = await readStored(target, keys, signal);
  return stored.flatMap((one, index) => {
    const letter = letters[index];
    return letter === undefined ? [] : [knownLetter(one, letter)];
  });
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

/**
 * Moves dead letters off the list, to `discarded/`, with the operator's reason. Writes the copies first and removes the
 * originals second, so a command that is interrupted in between can be repeated. Many letters of one object are kept
 * in one object too.
 */
export async function discardLetters(
  target: LetterTarget,
  letters: readonly StoredLetter[],
  { reason, nowMillis, signal }: { readonly reason: string; readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<void> {
  const discarded = { reason, time: new Date(nowMillis).toISOString() };
  for (const some of inParts(letters)) {
    const stored = some.map(({ key }) => key);
    const found = await readStored(target, stored, signal);
    const kept = found.flatMap((letter, index) =>
      letter === undefined ? [] : [{ letter: { ...letter, discarded }, key: stored[index] as string }],
    );
    await keepCopies(target, kept, signal);
    await removeStored(target, [...stored, ...some.flatMap(({ copies }) => copies)], signal);
  }
}

/** Parts that fit into memory: the letters of one object with many, or a few that are alone in theirs. */
function inParts(letters: readonly StoredLetter[]): readonly (readonly StoredLetter[])[] {
  const objects = [...Map.groupBy(letters, ({ key }) => objectOf(key)).values()];
  const alone = objects.filter(({ length }) => length === 1).flat();
  const parts = Array.from({ length: Math.ceil(alone.length / ALONE_AT_ONCE) }, (_, part) =>
    alone.slice(part * ALONE_AT_ONCE, (part + 1) * ALONE_AT_ONCE),
  );
  return [...parts, ...objects.filter(({ length }) => length > 1)];
}

const ALONE_AT_ONCE = 32;

/** Fewer letters stay readable with any tool. */
const KEPT_TOGETHER = 100;

async function keepCopies(
  target: LetterTarget,
  kept: readonly { readonly letter: DeadLetter; readonly key: string }[],
  signal: AbortSignal,
): Promise<void> {
  if (kept.length < KEPT_TOGETHER) {
    await each(kept, ({ letter, key }) => copyLetter(target, { key, to: 'discarded', letter }, signal));
    return;
  }
  const folder = movedFolder(placeOf(kept[0]?.key ?? '').folder, 'discarded');
  for (const { name, body } of objectsOfMany(kept.map(({ letter }) => letter))) {
    const many = { Bucket: target.names.deadLetters, Key: `${folder}${name}`, Body: body };
    const put = new PutObjectCommand({ ...many, ContentType: 'application/gzip' });
    await target.clients.s3.send(put, { abortSignal: signal });
  }
}

/** Copies a dead letter to where letters are kept that are no longer on the list. A copy is written again as it was. */
export async function copyLetter(
  { clients, names }: LetterTarget,
  { key, to, letter }: { readonly key: string; readonly to: MovedTo; readonly letter: object },
  abortSignal: AbortSignal,
): Promise<void> {
  const copy = {
    Bucket: names.deadLetters,
    Key: movedKey(key, to),
    Body: JSON.stringify(letter),
    ContentType: 'application/json',
  };
  await clients.s3.send(new PutObjectCommand(copy), { abortSignal });
}

/** Tells whether the dead letter that is stored there was moved before. It may have been stored again since. */
export async function wasMoved(
  target: LetterTarget,
  { key, to }: { readonly key: string; readonly to: MovedTo },
  signal: AbortSignal,
): Promise<boolean> {
  return (await findStored(target, movedKey(key, to), signal)) !== undefined;
}

/** Returns the id of the dead letter that is stored there. */
export function letterId(key: string): string {
  const { folder, at } = placeOf(key);
  return idOf(folder, at);
}

function movedKey(key: string, to: MovedTo): string {
  const { folder, at } = placeOf(key);
  return `${movedFolder(folder, to)}${nameOfOne(at)}`;
}

function movedFolder(folder: string, to: MovedTo): string {
  return `${to}/${folder.slice(STORED.length)}`;
}
