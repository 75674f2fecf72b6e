import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { readLetterObject, readPlaces, removalOf } from '../../../functions/runtime/dead-letters/letter-objects.ts';
import { folderOf, type LetterTarget, type ListedObject, listObject } from './letter-folders.ts';

/**
 * Says where a letter is stored, as one text: the key of its object, and for an object with many letters its `at` after
 * a number sign.
 */
export function storedKey(object: Pick<ListedObject, 'key' | 'kind'>, at: string): string {
  return object.kind === 'one' ? object.key : `${object.key}#${at}`;
}

/** Returns the folder of the letter that is stored there, and where it was rejected. */
export function placeOf(key: string): { readonly folder: string; readonly at: string } {
  const { object, at } = parseStoredKey(key);
  const folder = folderOf(object);
  return { folder, at: at ?? object.slice(folder.length, -'.json'.length) };
}

/** Returns the key of the object that holds the letter. */
export function objectOf(key: string): string {
  return parseStoredKey(key).object;
}

function parseStoredKey(key: string): { readonly object: string; readonly at: string | undefined } {
  const mark = key.indexOf(MANY);
  if (mark < 0) return { object: key, at: undefined };
  return { object: key.slice(0, mark + MANY.length - 1), at: key.slice(mark + MANY.length) };
}

const MANY = '.jsonl.gz#';

/** Reads where the letters of an object were rejected that are still on the list. None when the object is gone. */
export async function placesIn(
  target: LetterTarget,
  listed: ListedObject,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (listed.kind === 'one') return [listed.first];
  const found = await openMany(target, listed, signal);
  return found === undefined ? [] : readPlaces(found.bytes).filter((at) => !found.removed.has(at));
}

/** Reads the letters that are stored at these keys, in their order. Undefined: no longer on the list. */
export async function readStored(
  target: LetterTarget,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly (DeadLetter | undefined)[]> {
  const letters = new Map<string, DeadLetter>();
  await each([...byObject(keys)], async ([key, places]) => {
    if (places.size === 0) {
      const bytes = await getObject(target, key, signal);
      for (const letter of bytes === undefined ? [] : readLetterObject('one', bytes)) letters.set(key, letter);
      return;
    }
    const { object } = await listObject(target, key, signal);
    const found = object === undefined ? undefined : await openMany(target, object, signal);
    if (found === undefined) return;
    const wanted = (at: string): boolean => places.has(at) && !found.removed.has(at);
    for (const letter of readLetterObject('many', found.bytes, wanted)) letters.set(`${key}#${letter.at}`, letter);
  });
  return keys.map((key) => letters.get(key));
}

/**
 * Takes the letters at these keys off the list. An object with many letters stays as it was stored; another object
 * beside it notes what was removed. So two commands at once lose nothing that the other has noted. When no letter is
 * left, the object goes.
 */
export async function removeStored(target: LetterTarget, keys: readonly string[], signal: AbortSignal): Promise<void> {
  await each([...byObject(keys)], ([key, places]) =>
    places.size === 0 ? deleteObject(target, key, signal) : removeFrom(target, { key, places }, signal),
  );
}

async function removeFrom(
  target: LetterTarget,
  { key, places }: { readonly key: string; readonly places: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<void> {
  let { object, left } = await listObject(target, key, signal);
  while (object !== undefined) {
    const found = await openMany(target, object, signal);
    const removed = new Set([...(found?.removed ?? []), ...places]);
    if (found === undefined || readPlaces(found.bytes).every((at) => removed.has(at))) {
      await deleteObject(target, key, signal);
    } else {
      const { name, body } = removalOf(key, removed);
      const note = { Bucket: target.names.deadLetters, Key: name, Body: body, ContentType: 'application/json' };
      await target.clients.s3.send(new PutObjectCommand(note), { abortSignal: signal });
      // The new note says what these say.
      const older = object.removals.filter((one) => one !== name);
      await each(older, (one) => deleteObject(target, one, signal));
      const isAlone = (await listObject(target, key, signal)).object?.removals.every((one) => one === name);
      if (isAlone === true) return;
    }
    // Another command has removed letters of the object meanwhile: together, it may be all of them.
    ({ object, left } = await listObject(target, key, signal));
  }
  await each(left, (one) => deleteObject(target, one, signal));
}

interface Many {
  readonly bytes: Buffer;
  readonly removed: ReadonlySet<string>;
}

/** Reads an object with many letters and what was removed from it. Undefined: the object is gone. */
async function openMany(target: LetterTarget, listed: ListedObject, signal: AbortSignal): Promise<Many | undefined> {
  let object: ListedObject | undefined = listed;
  while (object !== undefined) {
    const bytes = await getObject(target, object.key, signal);
    if (bytes === undefined) return undefined;
    const notes = await each(object.removals, (key) => getObject(target, key, signal));
    if (notes.every((note) => note !== undefined)) {
      const removed = notes.flatMap((note) => JSON.parse(String(note)) as readonly string[]);
      return { bytes, removed: new Set(removed) };
    }
    // Another command has put a newer note in the place of this one.
    object = (await listObject(target, object.key, signal)).object;
  }
  return undefined;
}

/** Groups stored keys by their objects. The set of an object with one letter is empty. */
function byObject(keys: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const objects = new Map<string, Set<string>>();
  for (const key of keys) {
    const { object, at } = parseStoredKey(key);
    const places = objects.get(object) ?? new Set();
    if (at !== undefined) places.add(at);
    objects.set(object, places);
  }
  return objects;
}

async function getObject(
  { clients, names }: LetterTarget,
  Key: string,
  abortSignal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    const command = new GetObjectCommand({ Bucket: names.deadLetters, Key });
    const { Body } = await clients.s3.send(command, { abortSignal });
    return await buffer(Body as Readable);
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

async function deleteObject({ clients, names }: LetterTarget, Key: string, abortSignal: AbortSignal): Promise<void> {
  await clients.s3.send(new DeleteObjectCommand({ Bucket: names.deadLetters, Key }), { abortSignal });
}

const AT_ONCE = 32;

/** Runs `work` on every item, a limited number at once, and resolves to the results in order. */
export async function each<Item, Result>(
  all: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < all.length; first += AT_ONCE) {
    results.push(...(await Promise.all(all.slice(first, first + AT_ONCE).map(work))));
  }
  return results;
}
