import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserMistake } from '../functions/runtime/errors.ts';
import type { Bundle } from './bundle.ts';
import { fetchedPackage } from './native-package.ts';
import { REPOSITORY } from './repository.ts';

/** Where a function runs: in Lambda, or on this machine. */
export type Machine = 'lambda' | 'here';

/** A bundle with the files of machine code that lie beside it. */
export interface CompleteBundle extends Bundle {
  /** Their paths. Each is named after the version that it is of. */
  readonly files: readonly string[];
}

/** Finds the machine code that a bundle loads, for the machine that it runs on; for Lambda, fetches it once. */
export async function completeBundle(bundle: Bundle, machine: Machine): Promise<CompleteBundle> {
  const files = await Promise.all(bundle.native.map((name) => filesOf(name, machine)));
  return { ...bundle, files: files.flat() };
}

/** The packages of npm with the machine code for Lambda's `arm64`, by the package that loads them. */
const FOR_LAMBDA: Readonly<Record<string, string>> = { '@duckdb/node-bindings': '@duckdb/node-bindings-linux-arm64' };

const MACHINE_CODE = /\.(node|so|dylib|dll)$/;

async function filesOf(name: string, machine: Machine): Promise<readonly string[]> {
  const forLambda = FOR_LAMBDA[name];
  if (forLambda === undefined) throw new Error(`${name} has no package for Lambda: add it to infra/native-files.ts`);
  const folder = machine === 'lambda' ? await fetchedPackage(forLambda) : await installedPackage(name);
  const names = (await readdir(folder)).filter((file) => MACHINE_CODE.test(file)).sort();
  return names.map((file) => join(folder, file));
}

/** Finds the package for this machine: npm has installed the one that fits. */
async function installedPackage(name: string): Promise<string> {
  const [scope = '', start = ''] = name.split('/');
  const found = (await readdir(join(REPOSITORY, 'node_modules', scope))).filter((one) => one.startsWith(`${start}-`));
  for (const one of found.sort()) {
    const folder = join(REPOSITORY, 'node_modules', scope, one);
    if (await fitsHere(folder)) return folder;
  }
  throw new UserMistake(
    `${name} has no machine code for ${process.platform} on ${process.arch}: run npm ci on this machine, or use a sink without format: 'parquet'`,
  );
}

async function fitsHere(folder: string): Promise<boolean> {
  const { os = [], cpu = [] } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly os?: readonly string[];
    readonly cpu?: readonly string[];
  };
  return os.includes(process.platform) && cpu.includes(process.arch);
}
