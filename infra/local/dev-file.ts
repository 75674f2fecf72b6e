import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isAlive } from '../is-alive.ts';

/** The file by which other commands find a running dev, in the folder where both are started. */
export const DEV_FILE = join('.millrace', 'dev.json');

const DevFile = z.object({
  /** The process of dev. When it does not run, the file is left over. */
  pid: z.int(),
  pipelines: z.array(z.string()),
  kinesis: z.string(),
  dynamodb: z.string(),
  s3: z.string(),
  sqs: z.string(),
  /** The catalogue of Iceberg tables. */
  iceberg: z.string(),
  /** The endpoint for calling functions. */
  lambda: z.string(),
  database: z.object({
    host: z.string(),
    port: z.int(),
    name: z.string(),
    user: z.string(),
    password: z.string(),
  }),
});

export type RunningDev = z.infer<typeof DevFile>;

/** A running dev, the process of one that ended without removing its file, or nothing. */
export type FoundDev = RunningDev | { readonly ended: number } | undefined;

/** Looks for a dev in this folder. */
export async function findDev(): Promise<FoundDev> {
  const text = await readFile(DEV_FILE, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = DevFile.safeParse(jsonOf(text));
  // Another version of Millrace wrote it.
  if (!parsed.success) return undefined;
  return isAlive(parsed.data.pid) ? parsed.data : { ended: parsed.data.pid };
}

/**
 * Writes the file for other commands, and removes it when dev ends. Resolves to false, and writes nothing, when another
 * dev already runs in this folder.
 */
export async function announceDev(dev: RunningDev, running: AsyncDisposableStack): Promise<boolean> {
  const found = await findDev();
  if (found !== undefined && 'pid' in found) return false;
  await mkdir(dirname(DEV_FILE), { recursive: true });
  running.defer(() => rm(DEV_FILE, { force: true }));
  const temporary = `${DEV_FILE}.${dev.pid}`;
  // The file contains a password, which is valid on this machine only.
  await writeFile(temporary, `${JSON.stringify(dev, undefined, 2)}\n`, { mode: 0o600 });
  await rename(temporary, DEV_FILE);
  return true;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
