import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { BUNDLE_FILE, type Bundle, bundle, type Entry } from '../../infra/bundle.ts';
import { DATABASE_INIT_ENTRY } from '../../infra/constructs/database-init.ts';
import { pipelines } from '../../infra/pipelines/all.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { type Measured, measure, runAlone } from './rounds.ts';

const run = promisify(execFile);

/** The limit for a start, relative to an empty function's. Every step loads at least one AWS client. */
const MOST_TIMES = 4;
const MOST_GZIPPED_KB = 400;
const ROUNDS = 20;

/**
 * Measures how long each shipped function takes from exec to a callable handler, against an empty function, and its
 * size. Throws when one is too large.
 */
async function benchBundles(): Promise<readonly Measured[]> {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  const folder = await mkdtemp(join(REPOSITORY, '.millrace', 'bench-bundles-'));
  try {
    const empty = await bundleEmpty(folder);
    const measured: Measured[] = [];
    const tooLarge: string[] = [];
    for (const { entry, functions } of shipped()) {
      const made = await bundle(entry, folder);
      const kb = gzipSync(await readFile(join(made.path, BUNDLE_FILE))).length / 1_000;
      const name = `start ${functions} (${kb.toFixed(0)} KB gzipped)`;
      if (kb > MOST_GZIPPED_KB) tooLarge.push(`${name}: ${MOST_GZIPPED_KB} KB at most`);
      measured.push(
        await measure({
          name,
          versus: 'an empty function',
          target: 1 / MOST_TIMES,
          rounds: ROUNDS,
          ours: () => start(made),
          other: () => start(empty),
        }),
      );
    }
    if (tooLarge.length > 0) throw new Error(tooLarge.join('\n'));
    return measured;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundleEmpty(folder: string): Promise<Bundle> {
  const path = join(folder, 'empty.ts');
  await writeFile(path, 'export const handler = async (): Promise<void> => {};\n');
  return bundle(relative(REPOSITORY, path), folder);
}

interface Shipped {
  readonly entry: Entry;
  /** The functions that share this bundle. */
  readonly functions: string;
}

function shipped(): readonly Shipped[] {
  const steps = pipelines.flatMap((pipeline) => planOf(pipeline, pipelines).steps);
  const entries = [...new Set(steps.map(({ entry }) => entry))];
  return [
    ...entries.map((entry): Shipped => {
      const of = steps.filter((step) => step.entry === entry);
      const functions = of.map(({ pipeline, name }) => `${pipeline}/${name}`).join(', ');
      return { entry, functions };
    }),
    { entry: DATABASE_INIT_ENTRY, functions: 'database-init' },
  ];
}

/** Starts a function as Lambda's runtime does: a new process imports the module and finds the handler. */
async function start({ path }: Bundle): Promise<void> {
  const url = JSON.stringify(new URL(`file://${join(path, BUNDLE_FILE)}`).href);
  const script = `const { handler } = await import(${url}); process.exit(typeof handler === 'function' ? 0 : 1)`;
  await run(process.execPath, ['--input-type=module', '--eval', script], { env: {} });
}

if (import.meta.main) await runAlone(benchBundles);
