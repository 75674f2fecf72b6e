import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { watchFolder } from '../../../../infra/local/endpoints/landing.ts';

describe('a folder that stands for the landing bucket', () => {
  let folder: string;
  let stopping: AbortController;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-landing-'));
    stopping = new AbortController();
  });
  afterEach(async () => {
    stopping.abort();
    await rm(folder, { recursive: true, force: true });
  });

  /** Watches the folder. `next` resolves to the keys that land, in order. */
  async function watching(): Promise<{ next(): Promise<string>; puts: string[] }> {
    const puts: string[] = [];
    const waiting: ((key: string) => void)[] = [];
    const landed: string[] = [];
    const put = async (_: string, key: string): Promise<readonly []> => {
      puts.push(key);
      return [];
    };
    await watchFolder(
      folder,
      { put },
      {
        signal: stopping.signal,
        landed: (key) => {
          const waiter = waiting.shift();
          if (waiter === undefined) landed.push(key);
          else waiter(key);
        },
        failed: (key, error) => {
          throw new Error(`${key}: ${String(error)}`);
        },
      },
    );
    return {
      puts,
      next: async () => landed.shift() ?? new Promise<string>((resolve) => waiting.push(resolve)),
    };
  }

  test('lands present and new files once, with the path as key', async () => {
    await mkdir(join(folder, 'orders'));
    await writeFile(join(folder, 'orders', 'a.csv'), 'a');
    const { next, puts } = await watching();
    expect(await next()).toBe('orders/a.csv');
    await writeFile(join(folder, 'orders', 'b.csv'), 'b');
    expect(await next()).toBe('orders/b.csv');
    expect(puts).toEqual(['orders/a.csv', 'orders/b.csv']);
  });

  test('lands a file again when it has changed', async () => {
    await writeFile(join(folder, 'a.csv'), 'a');
    const { next } = await watching();
    expect(await next()).toBe('a.csv');
    await writeFile(join(folder, 'a.csv'), 'a and more');
    expect(await next()).toBe('a.csv');
  });

  test('skips hidden files until they are renamed', async () => {
    const { next, puts } = await watching();
    await writeFile(join(folder, '.a.csv.part'), 'a');
    await rename(join(folder, '.a.csv.part'), join(folder, 'a.csv'));
    expect(await next()).toBe('a.csv');
    expect(puts).toEqual(['a.csv']);
  });
});
