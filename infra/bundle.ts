import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BuildFailure, type BuildOptions, build, type OutputFile, type Plugin } from 'esbuild';
import { UserMistake } from '../functions/runtime/errors.ts';
import { REPOSITORY } from './repository.ts';

/**
 * The file of a function's folder that is loaded, and the exported function that is called, as Lambda's `Handler`
 * writes it.
 */
export const BUNDLE_FILE = 'index.mjs';
export const HANDLER = 'index.handler';

export interface Bundle {
  /** The folder that holds the function and nothing else. */
  readonly path: string;
  /** Of the function's bytes: the same for the same sources on any machine. */
  readonly sha256: string;
}

/** What a function is made of: a module, relative to the repository, or code that is generated when it is bundled. */
export type Entry = string | GeneratedEntry;

export interface GeneratedEntry {
  /** What errors call it. */
  readonly name: string;
  /** TypeScript, with its imports as seen from the repository. */
  code(): Promise<string>;
}

/**
 * Bundles what a step is made of to `<folder>/<sha256>/index.mjs`. Its source map lies beside that folder, so that a
 * function neither carries nor loads it. The AWS SDK is bundled too: the runtime's own copy is another version, and a
 * function carries only the clients it uses.
 */
export async function bundle(entry: Entry, folder: string): Promise<Bundle> {
  const outputFiles = await builtFiles(entry);
  const code = contentsOf(outputFiles, BUNDLE_FILE);
  const sha256 = createHash('sha256').update(code).digest('hex');
  const path = join(folder, sha256.slice(0, 16));
  await mkdir(path, { recursive: true });
  const temporary = join(folder, randomUUID());
  await replaceFile(join(path, BUNDLE_FILE), code, temporary);
  await replaceFile(`${path}.map`, contentsOf(outputFiles, `${BUNDLE_FILE}.map`), temporary);
  // Whoever removes old bundles sees that these are in use.
  const now = new Date();
  await Promise.all([path, `${path}.map`].map((made) => utimes(made, now, now)));
  return { path, sha256 };
}

/**
 * What makes a step's events those of another source: its code or its options changed. 12 of 64 hexadecimal digits,
 * because it is in every event.
 */
export function generationOf(bundled: Pick<Bundle, 'sha256'>, options: unknown): string {
  return createHash('sha256')
    .update(`${bundled.sha256}\n${canonicalJson(options)}`)
    .digest('hex')
    .slice(0, 12);
}

/**
 * CommonJS packages inside the bundle (pg) require Node's own modules, and an ES module has no `require`. One made by
 * `createRequire` takes a tenth of the start-up to find out where it is.
 */
const REQUIRE =
  'const require=name=>{const found=process.getBuiltinModule(name);' +
  'if(!found)throw Object.assign(Error(name+" is not in the bundle"),{code:"MODULE_NOT_FOUND"});return found};';

/** zod's messages in every language are more than half of zod; its English ones do not come from this index. */
const ONE_LANGUAGE: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {};' }));
  },
};

/**
 * In Lambda, credentials are in the environment. The SDK's own search for them has clients of three more services (SSO,
 * STS, sign-in), a fifth of what a function would have to load.
 */
const CREDENTIALS_OF_ENVIRONMENT: Plugin = {
  name: 'credentials-of-environment',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@aws-sdk[\\/]credential-provider(-node|s)[\\/]dist-[a-z]+[\\/]index\.js$/ }, () => ({
      contents: `import { fromEnv } from '@aws-sdk/credential-provider-env';
        export { fromEnv as defaultProvider, fromEnv as fromNodeProviderChain };`,
      resolveDir: join(REPOSITORY, 'node_modules', '@aws-sdk', 'credential-provider-node'),
    }));
  },
};

/**
 * What Kinesis' and S3's event streams need is imported when one is used, which none of our calls does. Because it
 * might be, esbuild would keep every module that it imports, whole: a quarter of the bundle.
 */
const NO_EVENT_STREAMS: Plugin = {
  name: 'no-event-streams',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@smithy[\\/]core[\\/]dist-es[\\/]submodules[\\/]event-streams[\\/]index\.js$/ }, () => ({
      contents: `export class EventStreamSerde {
        constructor() { throw new Error('there are no event streams in this bundle: call an operation that has none'); }
      }
      export const eventStreamSerdeProvider = () => undefined;
      export const resolveEventStreamSerdeConfig = (config) => config;`,
    }));
  },
};

/** Our clients speak HTTP/1.1; that of Kinesis loads Node's HTTP/2 for the case that it is given no handler. */
const NO_HTTP2: Plugin = {
  name: 'no-http2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http2$/ }, () => ({ path: 'http2', namespace: 'no-http2' }));
    onLoad({ filter: /.*/, namespace: 'no-http2' }, () => ({
      contents: `export const constants = {};
        export const connect = () => { throw new Error('there is no http/2 in this bundle: give the client a requestHandler'); };
        export default { connect, constants };`,
    }));
  },
};

const OPTIONS = {
  absWorkingDir: REPOSITORY,
  outfile: BUNDLE_FILE,
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  minify: true,
  treeShaking: true,
  legalComments: 'none',
  sourcemap: 'external',
  sourcesContent: false,
  banner: { js: REQUIRE },
  // pg tries to load it, and does without.
  external: ['pg-native'],
  plugins: [ONE_LANGUAGE, CREDENTIALS_OF_ENVIRONMENT, NO_EVENT_STREAMS, NO_HTTP2],
  logLevel: 'silent',
} as const satisfies BuildOptions;

async function builtFiles(entry: Entry): Promise<readonly OutputFile[]> {
  const input = await inputOf(entry);
  try {
    return (await build({ ...OPTIONS, ...input })).outputFiles;
  } catch (error) {
    const { errors } = error as BuildFailure;
    if (errors === undefined) throw error;
    const lines = errors.map(
      ({ text, location: at }) => `  ${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${text}`,
    );
    throw new UserMistake(`${typeof entry === 'string' ? entry : entry.name} cannot be bundled:\n${lines.join('\n')}`);
  }
}

async function inputOf(entry: Entry): Promise<Pick<BuildOptions, 'entryPoints' | 'stdin'>> {
  if (typeof entry === 'string') return { entryPoints: [entry] };
  return { stdin: { contents: await entry.code(), resolveDir: REPOSITORY, sourcefile: entry.name, loader: 'ts' } };
}

function contentsOf(files: readonly OutputFile[], name: string): Uint8Array {
  const file = files.find(({ path }) => basename(path) === name);
  if (file === undefined) throw new Error(`esbuild wrote no ${name}, only ${files.map(({ path }) => path).join(', ')}`);
  return file.contents;
}

/** Several processes may bundle at once: a reader sees the old bytes or the new ones, which are the same. */
async function replaceFile(path: string, contents: Uint8Array, temporary: string): Promise<void> {
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(contents)) return;
  try {
    await writeFile(temporary, contents);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** JSON with sorted keys: the order in which options were written does not make other options. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
