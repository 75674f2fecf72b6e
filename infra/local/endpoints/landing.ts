import { createReadStream, type Stats, watch } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SourcePlan } from '../../pipelines/plan.ts';
import type { LocalStage } from '../stage.ts';

/**
 * The landing bucket of a laptop. It announces each object to the sources that read its prefix, as EventBridge does.
 */
export interface Landing {
  /** Stores a file and announces it. Resolves to the sources that read it. */
  put(file: string, key: string): Promise<readonly SourcePlan[]>;
}

export function openLanding(stage: LocalStage, sources: readonly SourcePlan[]): Landing {
  const { clients, names } = stage;
  return {
    async put(file, key) {
      const { size } = await stat(file);
      const put = new PutObjectCommand({
        Bucket: names.landing,
        Key: key,
        Body: createReadStream(file),
        ContentLength: size,
      });
      const { ETag = '' } = await clients.s3.send(put);
      const announcement = JSON.stringify({
        version: '0',
        source: 'aws.s3',
        'detail-type': 'Object Created',
        time: new Date().toISOString(),
        detail: {
          version: '0',
          bucket: { name: names.landing },
          object: { key, size, etag: ETag.replaceAll('"', '') },
        },
      });
      const readers = sources.filter(({ options }) => key.startsWith(prefixOf(options)));
      for (const source of readers) {
        await clients.sqs.send(new SendMessageCommand({ QueueUrl: stage.queueUrl(source), MessageBody: announcement }));
      }
      return readers;
    },
  };
}

/** A file counts as complete when its size and time have not changed for this long. */
const QUIET_MILLIS = 400;

/** Puts every file below a folder into the landing bucket: present files at once, others when they appear or change. */
export async function watchFolder(
  folder: string,
  landing: Landing,
  options: {
    /** Called after each file, with the sources that read it. */
    readonly landed: (key: string, readers: readonly SourcePlan[]) => void;
    /** Called when a file could not be put. */
    readonly failed: (key: string, error: unknown) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const landed = new Map<string, string>();
  const inFlight = new Set<string>();
  const changedMeanwhile = new Set<string>();

  async function land(path: string): Promise<void> {
    if (inFlight.has(path)) {
      changedMeanwhile.add(path);
      return;
    }
    inFlight.add(path);
    const key = relative(folder, path).split(sep).join('/');
    try {
      const stamp = await stampOfComplete(path, options.signal);
      if (stamp === undefined || landed.get(path) === stamp) return;
      const readers = await landing.put(path, key);
      landed.set(path, stamp);
      options.landed(key, readers);
    } catch (error) {
      if (!options.signal.aborted) options.failed(key, error);
    } finally {
      inFlight.delete(path);
    }
    if (changedMeanwhile.delete(path)) await land(path);
  }

  const watcher = watch(folder, { recursive: true, signal: options.signal }, (_, name) => {
    if (name !== null && !isHidden(name)) void land(join(folder, name));
  });
  watcher.on('error', (error) => {
    if (!options.signal.aborted) options.failed(folder, error);
  });
  const present = await readdir(folder, { recursive: true });
  for (const name of present.filter((name) => !isHidden(name))) void land(join(folder, name));
}

/** Skips hidden files: editors and copy programs write under hidden names first. */
function isHidden(name: string): boolean {
  return name.split(sep).some((part) => part.startsWith('.'));
}

/** Waits until a file is complete. Resolves to its size and time, or to undefined when it is gone or is no file. */
async function stampOfComplete(path: string, signal: AbortSignal): Promise<string | undefined> {
  for (let before: string | undefined; ; ) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile()) return undefined;
    const stamp = stampOf(found);
    if (stamp === before) return stamp;
    before = stamp;
    await delay(QUIET_MILLIS, undefined, { signal });
  }
}

function stampOf({ size, mtimeMs }: Stats): string {
  return `${size}/${mtimeMs}`;
}

export function prefixOf(options: unknown): string {
  return (options as { prefix?: string }).prefix ?? '';
}
