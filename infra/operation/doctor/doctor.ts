import type { PipelinePlan } from '../../pipelines/plan.ts';
import { isFedByRule } from '../../sources/topic-rule.ts';
import { examineCaller } from './callers.ts';
import { examineDestination, examineDestinationOfDev } from './destinations.ts';
import type { Finding } from './finding.ts';
import { examineFunction } from './functions.ts';
import { examineKeptLog } from './kept-log.ts';
import { examinePlatform } from './platform.ts';
import type { StageWithSecrets } from './secret.ts';
import { examineStreams } from './streams.ts';
import { examineTables } from './tables.ts';

/**
 * Compares a stage on AWS with what the repository deploys, and asks the servers that its sinks send to whether they
 * are there. Makes only calls that read. A pipeline without any function is not deployed, which is no fault: a stage
 * has the pipelines that somebody deployed there.
 */
export async function examine(
  plans: readonly PipelinePlan[],
  stage: StageWithSecrets,
  nowMillis: number,
): Promise<readonly Finding[]> {
  const findings = [...(await examinePlatform(stage, nowMillis))];
  for (const plan of plans) findings.push(...(await examinePipeline(plan, stage, nowMillis)));
  return findings;
}

/** Looks at what the sinks of a dev on this machine send to. */
export async function examineDev(
  plans: readonly PipelinePlan[],
  at: { readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const sinks = plans.flatMap(({ steps }) => steps).filter((step) => step.kind === 'sink');
  return (await Promise.all(sinks.map((sink) => examineDestinationOfDev(sink, at)))).flat();
}

async function examinePipeline(
  plan: PipelinePlan,
  stage: StageWithSecrets,
  nowMillis: number,
): Promise<readonly Finding[]> {
  const steps = plan.steps.filter((step) => !isFedByRule(step));
  const functions = await Promise.all(steps.map((step) => examineFunction(step, stage)));
  if (functions.length > 0 && functions.every(({ found }) => found === 'is missing'))
    return [{ of: plan.name, what: 'pipeline', state: 'absent', found: 'it is not deployed in this stage' }];
  const findings: Finding[] = [...(await examineStreams(plan, stage)), ...(await examineTables(plan, stage))];
  for (const [index, step] of steps.entries()) {
    const itself = functions[index] as Finding;
    if (itself.found === 'is missing') findings.push(itself);
    else {
      findings.push(itself, ...(await examineCaller(step, stage)), ...(await examineKeptLog(step, stage)));
      if (step.kind === 'sink') findings.push(...(await examineDestination(step, stage, nowMillis)));
    }
  }
  return findings;
}
