import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/local/servers/listening.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { REAL_SERVER } from '../kit/search-server.ts';
import { runProof } from '../long-proof.ts';

const USAGE = `

Runs the OpenSearch sink's tests, and its contract suite, against the real server. Maven fetches the server once, into
.millrace/search; it runs on Java 17 to 21, which JAVA_HOME names.`;

const JARS = join(REPOSITORY, '.millrace', 'search', 'jars');
const SUITES = ['test/functions/sinks/opensearch', 'test/contracts/sinks.test.ts'];

/** Of the contract suite, only the cases of this sink. */
const ONLY_ITS_OWN = '^(?!the sink (?!opensearch))';

const java = process.env.JAVA_HOME === undefined ? 'java' : join(process.env.JAVA_HOME, 'bin', 'java');

function fetchServer(): void {
  if (existsSync(JARS)) return;
  console.log('Fetching OpenSearch with Maven …');
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${JARS}`];
  const { status } = spawnSync('mvn', ['-q', '-B', '-f', join(import.meta.dirname, 'pom.xml'), ...goal], {
    stdio: 'inherit',
  });
  if (status === 0) return;
  rmSync(JARS, { recursive: true, force: true });
  throw new Error('Maven did not fetch the server: is `mvn` installed?');
}

/** Starts the server. It ends when the result is called, or with this process. */
async function startServer(folder: string, port: number): Promise<() => Promise<void>> {
  const server = spawn(
    java,
    ['-Xms512m', '-Xmx512m', '-cp', join(JARS, '*'), join(import.meta.dirname, 'SearchServer.java'), folder, `${port}`],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) =>
      reject(new Error(`the server ended with ${code}: it needs Java 17 to 21 (JAVA_HOME)`)),
    );
    let said = '';
    server.stdout.on('data', (chunk) => {
      said += chunk;
      if (said.includes('listening')) resolve();
    });
  });
  return async () => {
    server.stdin.end();
    await ended;
  };
}

async function testSearch(): Promise<void> {
  fetchServer();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-search-'));
  const port = await freePort();
  const stop = await startServer(folder, port);
  try {
    const tests = spawn(join(REPOSITORY, 'node_modules', '.bin', 'vitest'), ['run', ...SUITES, '-t', ONLY_ITS_OWN], {
      cwd: REPOSITORY,
      stdio: 'inherit',
      env: { ...process.env, [REAL_SERVER]: `http://127.0.0.1:${port}` },
    });
    process.exitCode = await new Promise<number>((resolve) => tests.once('exit', (code) => resolve(code ?? 1)));
  } finally {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await runProof({ command: 'npm run test:search', usage: USAGE, options: {} }, testSearch);
