import { writeFile } from 'node:fs/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments } from './arguments.ts';
import { openResults } from './results.ts';
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

/** `npm run test:deploy`. Resolves to its exit code. */
async function main(): Promise<number> {
  try {
    const { report } = parseArguments(process.argv.slice(2));
    await runSuite(results, running, say);
    const { passed, failed } = results;
    if (report !== undefined) await writeFile(report, JSON.stringify({ passed, failed }));
    say(`\n${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof UserMistake ? error.message : error);
    return error instanceof UserMistake ? 2 : 1;
  }
}

/** Whatever has happened, every server that was started ends first. A second signal does not wait for that. */
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
