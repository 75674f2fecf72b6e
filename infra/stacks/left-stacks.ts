import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesOf } from '../names.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { REPOSITORY } from '../repository.ts';

const FOLDER = 'infra/pipelines';
const RECORD = '.kept.json';

/**
 * Lists the pipelines that are recorded as deployed and no longer exist, each with what to do. The CDK forgets a stack
 * that its app does not have: its functions would go on reading and writing, and nobody would see it.
 */
export async function leftStacks(
  pipelines: readonly Pick<Pipeline, 'name'>[],
  stage: string,
  root = REPOSITORY,
): Promise<readonly string[]> {
  const { pipelineStack } = namesOf({ stage, account: '', region: '', partition: '' });
  const recorded = (await readdir(join(root, FOLDER))).filter((file) => file.endsWith(RECORD)).sort();
  return recorded
    .map((file) => file.slice(0, -RECORD.length))
    .filter((name) => !pipelines.some((pipeline) => pipeline.name === name))
    .map(
      (name) =>
        `pipeline '${name}' was removed or renamed, and where its stack is deployed it would go on running: put it back; ` +
        `or, to give it up, run aws cloudformation delete-stack --stack-name ${pipelineStack(name)} (its streams and their data are kept), ` +
        `the same for every other stage that has it, and then delete ${FOLDER}/${name}${RECORD}`,
    );
}
