// Runs on whatever Node the machine has: `node .ci/count.mjs <1: a command failed> <vitest's reports>… <the deploy
// suite's report>`.
import { readFileSync } from 'node:fs';

const [commandFailed, ...reports] = process.argv.slice(2);
const deploy = reports.pop();
const counts = [...reports.map((file) => countedByVitest(reportOf(file))), countedByDeploy(reportOf(deploy))];
const passed = counts.reduce((sum, one) => sum + one.passed, 0);
const failed = counts.reduce((sum, one) => sum + one.failed, 0);
const skipped = counts.reduce((sum, one) => sum + one.skipped, 0);
// A check that fails outside the tests, such as the type check, is in nobody's count.
const failures = failed > 0 || commandFailed === '0' ? failed : 1;
console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failures > 0 || passed === 0 ? 1 : 0;

function reportOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.log(`no report at ${file}: that suite did not run to its end, see above`);
    return undefined;
  }
}

function countedByVitest(report) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests, success } = report;
  // A file that did not load has no tests of its own to count as failed.
  const failed = numFailedTests || (success ? 0 : Math.max(1, numFailedTestSuites));
  return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests };
}

function countedByDeploy(report) {
  return report === undefined ? { passed: 0, failed: 1, skipped: 0 } : { skipped: 0, ...report };
}
