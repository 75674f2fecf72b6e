import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments, USAGE } from './arguments.ts';
import { counted, openResults } from './results.ts';
import { runStatements } from './statements.ts';
import { runSuite } from './suite.ts';

const say = (line: string): void => console.log(line);
const results = openResults(say);
const running = new AsyncDisposableStack();
let isEnding = false;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => endWith(code));
}
process.on('uncaughtException', (error) => {
  console.error(error);
  endWith(1);
});
endWith(await main());

/** Runs `npm run test:deploy`. Resolves to the exit code. */
async function main(): Promise<number> {
  try {
    const parsed = parseArguments(process.argv.slice(2));
    if (parsed === undefined) {
      say(USAGE);
      return 0;
    }
    const { report, statements, account, database } = parsed;
    const folder = await ownFolder();
    if (statements) await runStatements(results, running, { folder, say });
    else await runSuite(results, running, { folder, say, account, database });
    const { passed, failed, skipped } = results;
    if (report !== undefined) await writeFile(report, JSON.stringify({ passed, failed, skipped }));
    say(`\n${counted(results)}`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof UserMistake ? error.message : error);
    return error instanceof UserMistake ? 2 : 1;
  }
}

/** Makes the folder for the logs of commands and servers. It is kept when anything has failed. */
async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-deploy-'));
  running.defer(async () => {
    if (results.failed === 0) await rm(folder, { recursive: true, maxRetries: 5 });
    else say(`logs of the commands and the server: ${folder}`);
  });
  return folder;
}

/** Ends every server that was started, then exits. A second signal exits at once. */
function endWith(code: number): void {
  if (isEnding) process.exit(code);
  isEnding = true;
  running.disposeAsync().then(
    () => process.exit(code),
    (error: unknown) => {
      console.error(error);
      process.exit(code || 1);
    },
  );
}
