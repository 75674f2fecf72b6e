import type { Pipeline } from '../../pipelines/pipeline.ts';
import { checkSchemas, isRefused } from '../../schemas/check.ts';
import { forgotten, lockedAnew, readLock, writeLock } from '../../schemas/lock.ts';
import { print } from '../../terminal.ts';
import { lockReport, schemaReport } from '../reports/schema-report.ts';

/** Prints what the check has found, and returns the exit code: 1 when a deployment would be refused. */
export async function checkPipelines(
  pipelines: readonly Pipeline[],
  { asJson, root }: { readonly asJson: boolean; readonly root?: string },
): Promise<number> {
  const lock = await readLock(root);
  const findings = checkSchemas(pipelines, lock);
  if (asJson) for (const finding of findings) print(JSON.stringify(finding));
  else print(schemaReport(lock, findings));
  return findings.some(isRefused) ? 1 : 0;
}

/** Writes the lock file when it changes, and prints what has changed. */
export async function lockPipelines(
  pipelines: readonly Pipeline[],
  { forget, root }: { readonly forget?: string | undefined; readonly root?: string },
): Promise<void> {
  const before = await readLock(root);
  const anew = lockedAnew(pipelines, before);
  const after = forget === undefined ? anew : forgotten(pipelines, anew, forget);
  const report = lockReport(before, after);
  if (report !== undefined) await writeLock(after, root);
  print(report ?? 'nothing changed');
}
