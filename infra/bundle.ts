import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type BuildFailure,
  type BuildOptions,
  type BuildResult,
  build,
  type Metafile,
  type OutputFile,
  type Plugin,
} from 'esbuild';
import { UserMistake } from '../functions/runtime/errors.ts';
import { freshRecipe, recipeName, recipeOf } from './made-bundle.ts';
import { REPOSITORY } from './repository.ts';

/** The file of a bundle that Lambda loads, and the function in it, as Lambda's `Handler` setting names it. */
export const BUNDLE_FILE = 'index.mjs';
export const HANDLER = 'index.handler';

export interface Bundle {
  /** The folder that holds the function's file and nothing else. */
  readonly path: string;
  /** The hash of the function's bytes: the same for the same sources on any machine. */
  readonly sha256: string;
  /** The packages whose machine code the function loads from its folder (native-files.ts). */
  readonly native: readonly string[];
}

/** The source of a function: a module's path in the repository, or code that is generated for the bundle. */
export type Entry = string | GeneratedEntry;

export interface GeneratedEntry {
  /** The name in error messages. */
  readonly name: string;
  /** Returns TypeScript whose imports are relative to the repository. */
  code(): Promise<string>;
}

/**
 * Bundles a function into `<folder>/<sha256>/index.mjs`. The source map lies beside that folder, so that functions
 * neither carry nor load it. The AWS SDK is in the bundle: Lambda's own copy is another version, and a function carries
 * only the clients that it uses. A bundle whose sources have not changed is not made again.
 */
export async function bundle(entry: Entry, folder: string): Promise<Bundle> {
  const beganMillis = Date.now();
  const input = await inputOf(entry);
  const recipe = join(folder, await recipeName(JSON.stringify(input)));
  return (await madeBefore(recipe, folder)) ?? (await make({ entry, input, recipe, beganMillis }, folder));
}

async function madeBefore(recipe: string, folder: string): Promise<Bundle | undefined> {
  const fresh = await freshRecipe(recipe);
  if (fresh === undefined) return undefined;
  const path = pathOf(folder, fresh.sha256);
  const [code, map] = await Promise.all(
    [join(path, BUNDLE_FILE), `${path}.map`].map((file) => readFile(file).catch(() => undefined)),
  );
  if (code === undefined || map === undefined || sha256Of(code) !== fresh.sha256) return undefined;
  await touch([path, `${path}.map`, recipe]);
  return { path, sha256: fresh.sha256, native: fresh.native };
}

interface Making {
  readonly entry: Entry;
  readonly input: Input;
  /** The path of the file that keeps what the bundle is made of. */
  readonly recipe: string;
  readonly beganMillis: number;
}

async function make({ entry, input, recipe, beganMillis }: Making, folder: string): Promise<Bundle> {
  const { outputFiles, metafile } = await built(entry, input);
  const code = contentsOf(outputFiles, BUNDLE_FILE);
  const sha256 = sha256Of(code);
  const path = pathOf(folder, sha256);
  await mkdir(path, { recursive: true });
  const temporary = join(folder, randomUUID());
  await replaceFile(join(path, BUNDLE_FILE), code, temporary);
  await replaceFile(`${path}.map`, contentsOf(outputFiles, `${BUNDLE_FILE}.map`), temporary);
  const native = nativeOf(metafile);
  const made = await recipeOf({ sha256, native }, { paths: filesOf(metafile, input), beganMillis });
  if (made !== undefined) await replaceFile(recipe, Buffer.from(JSON.stringify(made)), temporary);
  await touch([path, `${path}.map`]);
  return { path, sha256, native };
}

/**
 * Lists the files that a bundle is made of. Generated code is no file: it is part of the recipe's name. Nor is a
 * plugin's own module: its code stands in this file.
 */
function filesOf({ inputs }: Metafile, { stdin }: Input): readonly string[] {
  return Object.keys(inputs).filter(
    (path) => path !== stdin?.sourcefile && !/^(no-http2|native|native-url):/.test(path),
  );
}

function nativeOf({ inputs }: Metafile): string[] {
  return Object.keys(inputs).flatMap((path) => (path.startsWith('native:') ? [path.slice('native:'.length)] : []));
}

function pathOf(folder: string, sha256: string): string {
  return join(folder, sha256.slice(0, 16));
}

function sha256Of(code: Uint8Array): string {
  return createHash('sha256').update(code).digest('hex');
}

/** The removal of old bundles goes by these times. */
async function touch(paths: readonly string[]): Promise<void> {
  const now = new Date();
  await Promise.all(paths.map((path) => utimes(path, now, now)));
}

/**
 * Computes the part of an event source's name that changes with a step's code or options. 12 of the hash's 64 digits,
 * because the name is in every event.
 */
export function generationOf(bundled: Pick<Bundle, 'sha256'>, options: unknown): string {
  return createHash('sha256')
    .update(`${bundled.sha256}\n${canonicalJson(options)}`)
    .digest('hex')
    .slice(0, 12);
}

/**
 * A `require` for CommonJS packages inside the bundle (pg), which load Node's own modules. An ES module has none, and
 * one made by `createRequire` would take a tenth of the start-up time.
 */
const REQUIRE =
  'const require=name=>{const found=process.getBuiltinModule(name);' +
  'if(!found)throw Object.assign(Error(name+" is not in the bundle"),{code:"MODULE_NOT_FOUND"});return found};';

/**
 * Leaves out zod's messages in other languages, more than half of zod. The English ones do not come from this index.
 */
const ONE_LANGUAGE: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {};' }));
  },
};

/**
 * Takes credentials from the environment, where Lambda puts them. The SDK's own search has clients of three more
 * services (SSO, STS, sign-in), a fifth of the code that a function would have to load.
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
 * Leaves out the code for event streams of Kinesis and S3, which none of our calls uses. The SDK imports that code
 * dynamically, so esbuild would keep all of its modules: a quarter of the bundle.
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

/** Leaves out Node's HTTP/2, which the Kinesis client loads for when it has no handler. Our clients use HTTP/1.1. */
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

/**
 * Loads DuckDB's machine code from the function's folder. The package's own module would look for a package of the
 * platform in node_modules, which a function does not have.
 */
const NATIVE: Plugin = {
  name: 'native',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@duckdb\/node-bindings$/ }, ({ path }) => ({ path, namespace: 'native' }));
    onLoad({ filter: /.*/, namespace: 'native' }, () => ({
      contents: `const { fileURLToPath } = require('node:url');
        process.dlopen(module, fileURLToPath(new URL('./duckdb.node', require('native-url').url)));`,
    }));
    // CommonJS, as the package is, cannot say where it is.
    onResolve({ filter: /^native-url$/ }, ({ path }) => ({ path, namespace: 'native-url' }));
    onLoad({ filter: /.*/, namespace: 'native-url' }, () => ({ contents: 'export const url = import.meta.url;' }));
  },
};

/**
 * Imports zod as a namespace in our code and in users'. With `import { z }`, which imports an object that has all of
 * zod, esbuild can leave nothing out, and half of zod is not used.
 */
const ONLY_USED_ZOD: Plugin = {
  name: 'only-used-zod',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      return {
        contents: code.replace(/^([ \t]*)import \{ z \} from (['"])zod\2/m, '$1import * as z from $2zod$2'),
        loader: 'ts',
      };
    });
  },
};

/**
 * Leaves out the schemas of operations that are not called. The SDK writes them as lists with computed keys, which
 * esbuild keeps, because computing a key might do something. Two thirds of the S3 client are such schemas.
 */
const ONLY_USED_SCHEMAS: Plugin = {
  name: 'only-used-schemas',
  setup({ onLoad }) {
    onLoad(
      { filter: /[\\/]@aws-sdk[\\/]client-[\w-]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/ },
      async ({ path }) => {
        const code = await readFile(path, 'utf8');
        return {
          contents: code.replace(
            /^export var (\S+) = (\[[^;]*\]);$/gm,
            'export var $1 = /* @__PURE__ */ (() => $2)();',
          ),
        };
      },
    );
  },
};

const OPTIONS = {
  absWorkingDir: REPOSITORY,
  outfile: BUNDLE_FILE,
  write: false,
  metafile: true,
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
  // pg tries to load it, and works without.
  external: ['pg-native'],
  plugins: [
    ...[ONE_LANGUAGE, CREDENTIALS_OF_ENVIRONMENT, NO_EVENT_STREAMS, NO_HTTP2],
    ...[NATIVE, ONLY_USED_ZOD, ONLY_USED_SCHEMAS],
  ],
  logLevel: 'silent',
} as const satisfies BuildOptions;

async function built(entry: Entry, input: Input): Promise<BuildResult<typeof OPTIONS>> {
  try {
    return await build({ ...OPTIONS, ...input });
  } catch (error) {
    const { errors } = error as BuildFailure;
    if (errors === undefined) throw error;
    const lines = errors.map(
      ({ text, location: at }) => `  ${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${text}`,
    );
    throw new UserMistake(`${typeof entry === 'string' ? entry : entry.name} cannot be bundled:\n${lines.join('\n')}`);
  }
}

type Input = Pick<BuildOptions, 'entryPoints' | 'stdin'>;

async function inputOf(entry: Entry): Promise<Input> {
  if (typeof entry === 'string') return { entryPoints: [entry] };
  return { stdin: { contents: await entry.code(), resolveDir: REPOSITORY, sourcefile: entry.name, loader: 'ts' } };
}

function contentsOf(files: readonly OutputFile[], name: string): Uint8Array {
  const file = files.find(({ path }) => basename(path) === name);
  if (file === undefined) throw new Error(`esbuild wrote no ${name}, only ${files.map(({ path }) => path).join(', ')}`);
  return file.contents;
}

/** Replaces a file in one step. Several processes may bundle at once: readers see whole files only. */
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

/** Writes JSON with sorted keys, so that the order in which options are written does not matter. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
