import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { DeadLetter } from './dead-letter.ts';

/**
 * The names and contents of the objects that hold dead letters. A letter that is alone has an object of its own:
 *
 * | name                                    | content                                                |
 * | --------------------------------------- | ------------------------------------------------------ |
 * | `<at>.json`                             | one letter                                             |
 * | `<first>.<last>.<count>.<hash>.jsonl.gz` | many letters in the order of `at`, one a line, gzip    |
 * | `<name of such an object>.removed.<hash>` | the `at` of letters that were removed from that object |
 *
 * The name of an object with many letters contains the hash of its content, so no object ever replaces another one.
 * A portion that is cut otherwise when it is repeated makes other objects, which may have letters in common. A reader
 * takes each letter once, by its `at`.
 */
export type LetterObject =
  | { readonly kind: 'one'; readonly first: string; readonly last: string; readonly count: 1 }
  | { readonly kind: 'many'; readonly first: string; readonly last: string; readonly count: number }
  | { readonly kind: 'removed'; readonly from: string };

/** Parses the name of an object, without its folder. Undefined: it is none of ours. */
export function parseLetterObject(name: string): LetterObject | undefined {
  const [, from] = /^(.*\.jsonl\.gz)\.removed\.[\w-]+$/.exec(name) ?? [];
  if (from !== undefined) return { kind: 'removed', from };
  const [, first = '', last = '', count] = /^([^.]+)\.([^.]+)\.(\d+)\.[\w-]+\.jsonl\.gz$/.exec(name) ?? [];
  if (count !== undefined) return { kind: 'many', first, last, count: Number(count) };
  if (!name.endsWith('.json')) return undefined;
  const at = nameWithoutEnding(name);
  return { kind: 'one', first: at, last: at, count: 1 };
}

export function nameOfOne(at: string): string {
  return `${at}.json`;
}

function nameWithoutEnding(name: string): string {
  return name.slice(0, -'.json'.length);
}

/** Returns the name of the object that notes the removal of these letters, and its content. */
export function removalOf(object: string, removed: Iterable<string>): { readonly name: string; readonly body: string } {
  const body = JSON.stringify([...new Set(removed)].sort());
  return { name: `${object}.removed.${shortHash(createHash('sha256').update(body))}`, body };
}

/** The bounds of one object: a reader has all of its letters in memory. */
const MOST_LETTERS = 50_000;
const MOST_BYTES = 64 * 1024 * 1024;

/** How many bytes of lines are compressed at once. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * Makes objects of many letters, which come in the order of `at`: one object, or several where one would be too large.
 */
export function* objectsOfMany(
  letters: Iterable<DeadLetter>,
): Generator<{ readonly name: string; readonly body: Buffer }, void, undefined> {
  let object = openObject();
  for (const letter of letters) {
    object.add(letter);
    if (!object.isFull()) continue;
    yield object.finish();
    object = openObject();
  }
  if (!object.isEmpty()) yield object.finish();
}

function openObject() {
  const hash = createHash('sha256');
  const blocks: Buffer[] = [];
  let lines: string[] = [];
  let [waiting, bytes, count, first, last] = [0, 0, 0, '', ''];

  function compressWaiting(): void {
    const block = Buffer.from(lines.join(''));
    [lines, waiting] = [[], 0];
    hash.update(block);
    // Each block is a gzip member of its own, so no more than a block is in memory uncompressed.
    blocks.push(gzipSync(block, { level: 1 }));
  }

  return {
    add(letter: DeadLetter): void {
      const line = `${JSON.stringify(letter)}\n`;
      lines.push(line);
      waiting += line.length;
      bytes += line.length;
      if (count++ === 0) first = letter.at;
      last = letter.at;
      if (waiting >= BLOCK_BYTES) compressWaiting();
    },
    isEmpty: () => count === 0,
    isFull: () => count >= MOST_LETTERS || bytes >= MOST_BYTES,
    finish(): { readonly name: string; readonly body: Buffer } {
      if (waiting > 0) compressWaiting();
      return { name: `${first}.${last}.${count}.${shortHash(hash)}.jsonl.gz`, body: Buffer.concat(blocks) };
    },
  };
}

function shortHash(hash: ReturnType<typeof createHash>): string {
  return hash.digest('base64url').slice(0, 16);
}

/** Reads the letters of an object, of one or of many. `wanted` chooses by `at`; the others are not parsed. */
export function readLetterObject(
  kind: 'one' | 'many',
  bytes: Buffer,
  wanted: (at: string) => boolean = () => true,
): readonly DeadLetter[] {
  if (kind === 'one') return [JSON.parse(bytes.toString()) as DeadLetter];
  return linesOf(bytes)
    .filter((line) => wanted(atOf(line)))
    .map((line) => JSON.parse(line) as DeadLetter);
}

/** Reads where the letters of an object with many were rejected, without parsing the letters. */
export function readPlaces(bytes: Buffer): readonly string[] {
  return linesOf(bytes).map(atOf);
}

function linesOf(bytes: Buffer): readonly string[] {
  return gunzipSync(bytes).toString().split('\n').slice(0, -1);
}

/** Finds `at` in a line that `objectsOfMany` wrote: it follows three names that contain no quote. */
function atOf(line: string): string {
  return /"at":"([^"]*)"/.exec(line)?.[1] ?? '';
}
