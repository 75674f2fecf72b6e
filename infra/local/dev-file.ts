import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** Where the other commands find a dev that runs: in the folder that both are started in. */
export const DEV_FILE = join('.millrace', 'dev.json');

const DevFile = z.object({
  /** The process of dev: without it, the file is a leftover. */
  pid: z.int(),
  pipelines: z.array(z.string()),
  kinesis: z.string(),
  dynamodb: z.string(),
  s3: z.string(),
  sqs: z.string(),
  /** Where functions can be called. */
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

/** What a folder's file says: a dev that runs, one that has ended without removing it, or nothing. */
export type FoundDev = RunningDev | { readonly ended: number } | undefined;

export async function findDev(): Promise<FoundDev> {
  const text = await readFile(DEV_FILE, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = DevFile.safeParse(jsonOf(text));
  // It is of another version.
  if (!parsed.success) return undefined;
  return isAlive(parsed.data.pid) ? parsed.data : { ended: parsed.data.pid };
}

/**
 * Tells the other commands of this dev, until it ends. False when another one runs in this folder already: they keep to
 * that one.
 */
export async function announceDev(dev: RunningDev, running: AsyncDisposableStack): Promise<boolean> {
  const found = await findDev();
  if (found !== undefined && 'pid' in found) return false;
  await mkdir(dirname(DEV_FILE), { recursive: true });
  running.defer(() => rm(DEV_FILE, { force: true }));
  const whole = `${DEV_FILE}.${dev.pid}`;
  // It has a password in it, if one that is good on this machine only.
  await writeFile(whole, `${JSON.stringify(dev, undefined, 2)}\n`, { mode: 0o600 });
  await rename(whole, DEV_FILE);
  return true;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
