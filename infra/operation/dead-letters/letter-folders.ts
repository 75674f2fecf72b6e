import { createHash } from 'node:crypto';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { parseLetterObject } from '../../../functions/runtime/dead-letters/letter-objects.ts';
import type { Names } from '../../names.ts';
import type { Target } from '../target.ts';

/** The part of a target that holds dead letters. */
export interface LetterTarget {
  readonly clients: Pick<Target['clients'], 's3'>;
  readonly names: Pick<Names, 'deadLetters'>;
}

/** An object that holds one dead letter or many, as the bucket lists it. */
export interface ListedObject {
  readonly key: string;
  readonly kind: 'one' | 'many';
  /** The first and the last `at` of its letters. */
  readonly first: string;
  readonly last: string;
  readonly count: number;
  readonly storedMillis: number;
  /** The keys of the objects that note which of its letters were removed since it was stored. */
  readonly removals: readonly string[];
}

/** The objects of one shard or item. */
export interface LetterFolder {
  /** The beginning of its keys, with the slash. */
  readonly prefix: string;
  readonly objects: readonly ListedObject[];
}

/** Lists what is stored below a prefix, folder by folder, in the order of the keys. */
export async function* listFolders(
  target: LetterTarget,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<LetterFolder> {
  let folder = '';
  let listed: Listed[] = [];
  for await (const one of listKeys(target, prefix, signal)) {
    const its = folderOf(one.key);
    if (its !== folder) {
      if (listed.length > 0) yield { prefix: folder, objects: objectsOf(listed) };
      [folder, listed] = [its, []];
    }
    listed.push(one);
  }
  if (listed.length > 0) yield { prefix: folder, objects: objectsOf(listed) };
}

/** Returns a key up to its last slash, with the slash. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

interface Listed {
  readonly key: string;
  readonly storedMillis: number;
}

async function* listKeys(
  { clients, names }: LetterTarget,
  Prefix: string,
  abortSignal: AbortSignal,
): AsyncGenerator<Listed> {
  for (let ContinuationToken: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket: names.deadLetters, Prefix, ContinuationToken });
    const page = await clients.s3.send(command, { abortSignal });
    for (const { Key = '', LastModified } of page.Contents ?? [])
      yield { key: Key, storedMillis: LastModified?.getTime() ?? 0 };
    if (page.NextContinuationToken === undefined) return;
    ContinuationToken = page.NextContinuationToken;
  }
}

/**
 * Assigns removals to their objects. A removal counts while its object was not stored after it: a step that repeats a
 * portion stores the object again, and then all of its letters are on the list again.
 */
function objectsOf(listed: readonly Listed[]): readonly ListedObject[] {
  const removals = new Map<string, Listed[]>();
  const objects: Omit<ListedObject, 'removals'>[] = [];
  for (const { key, storedMillis } of listed) {
    const folder = folderOf(key);
    const parsed = parseLetterObject(key.slice(folder.length));
    if (parsed === undefined) continue;
    if (parsed.kind !== 'removed') objects.push({ key, storedMillis, ...parsed });
    else {
      const from = `${folder}${parsed.from}`;
      removals.set(from, [...(removals.get(from) ?? []), { key, storedMillis }]);
    }
  }
  return objects.map((object) => ({
    ...object,
    removals: (removals.get(object.key) ?? [])
      .filter(({ storedMillis }) => storedMillis >= object.storedMillis)
      .map(({ key }) => key),
  }));
}

/** Lists one object and its removals. Undefined: the object is gone; `left` has the keys of removals that are not. */
export async function listObject(
  target: LetterTarget,
  key: string,
  signal: AbortSignal,
): Promise<{ readonly object: ListedObject | undefined; readonly left: readonly string[] }> {
  const listed = await Array.fromAsync(listKeys(target, key, signal));
  return {
    object: objectsOf(listed).find((object) => object.key === key),
    left: listed.map((one) => one.key).filter((one) => one !== key),
  };
}

/**
 * Groups the objects of a folder whose letters may be the same, because a step that repeated a portion has cut it
 * otherwise. Objects of different groups have no letter in common.
 */
export function groupsOf({ objects }: LetterFolder): readonly (readonly ListedObject[])[] {
  const groups: ListedObject[][] = [];
  let last: string | undefined;
  for (const object of objects.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    if (last !== undefined && object.first <= last) groups.at(-1)?.push(object);
    else groups.push([object]);
    last = last !== undefined && last > object.last ? last : object.last;
  }
  return groups;
}

/** Returns the id of the dead letter that was rejected there: `<pipeline>/<step>/<hash>`. */
export function idOf(folder: string, at: string): string {
  const [, pipeline = '', step = ''] = folder.split('/');
  return `${pipeline}/${step}/${createHash('sha256').update(`${folder}${at}.json`).digest('hex').slice(0, 10)}`;
}
