import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { JsonSchema } from '../../functions/runtime/json/schema-fields.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { REPOSITORY } from '../repository.ts';
import { streamsOf } from './readers.ts';
import { hashOf, type SchemaVersion, versionOf } from './version.ts';

/**
 * The versions of each stream's schema, by `<pipeline>/<stream>`, the oldest first. Events of the first version do not
 * say their version, so the order stays.
 */
export type SchemaLock = ReadonlyMap<string, readonly SchemaVersion[]>;

export const LOCK_FILE = 'infra/pipelines/schemas.lock.json';

const Versions = z.array(z.strictObject({ version: z.string(), schema: z.custom<JsonSchema>(isObject) })).min(1);
const LockFile = z.record(z.string(), Versions);

/** Reads the lock file. A file that is missing has no versions. Throws a `UserMistake` for one that cannot be read. */
export async function readLock(root = REPOSITORY): Promise<SchemaLock> {
  const text = await readFile(join(root, LOCK_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  const parsed = LockFile.safeParse(jsonOf(text));
  if (!parsed.success)
    throw new UserMistake(
      `${LOCK_FILE} cannot be read: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}: restore it from git`,
    );
  for (const [stream, versions] of Object.entries(parsed.data))
    for (const { version, schema } of versions)
      if (hashOf(schema) !== version)
        throw new UserMistake(
          `${LOCK_FILE}: version ${version} of ${stream} was changed by hand: restore it from git, and run millrace schema lock`,
        );
  return new Map(Object.entries(parsed.data));
}

/** Writes the lock file. */
export async function writeLock(lock: SchemaLock, root = REPOSITORY): Promise<void> {
  const streams = [...lock].sort(([a], [b]) => (a < b ? -1 : 1));
  await writeFile(join(root, LOCK_FILE), `${JSON.stringify(Object.fromEntries(streams), undefined, 2)}\n`);
}

/** Finds the streams whose schema has no version in the lock. */
export function unlockedStreams(pipelines: readonly Pipeline[], lock: SchemaLock): readonly string[] {
  return streamsOf(pipelines).flatMap(({ name, schema }) => {
    const { version } = versionOf(schema);
    return lock.get(name)?.some((known) => known.version === version) === true ? [] : [name];
  });
}

/** Adds the versions that the lock lacks, and drops the streams that no pipeline has. */
export function lockedAnew(pipelines: readonly Pipeline[], lock: SchemaLock): SchemaLock {
  return new Map(
    streamsOf(pipelines).map(({ name, schema }) => {
      const known = lock.get(name) ?? [];
      const current = versionOf(schema);
      return [name, known.some(({ version }) => version === current.version) ? known : [...known, current]];
    }),
  );
}

/** Drops the versions of a stream that are no longer those of its schema: no event of them is left anywhere. */
export function forgotten(pipelines: readonly Pipeline[], lock: SchemaLock, stream: string): SchemaLock {
  const declared = streamsOf(pipelines).find(({ name }) => name === stream);
  if (declared === undefined)
    throw new UserMistake(
      `--forget: no pipeline declares the stream '${stream}'; use one of ${streamsOf(pipelines)
        .map(({ name }) => name)
        .join(', ')}`,
    );
  return new Map(lock).set(stream, [versionOf(declared.schema)]);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserMistake(`${LOCK_FILE} is not JSON: ${(error as Error).message}: restore it from git`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
