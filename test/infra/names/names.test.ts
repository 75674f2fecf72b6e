import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Names, namesOf } from '../../../infra/names.ts';

const PLACE = { account: '123456789012', region: 'ap-southeast-2', partition: 'aws' };
const stageName = fc.stringMatching(/^[a-z][a-z0-9]{0,11}$/);
const pipelineName = fc.stringMatching(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/).filter((name) => name.length <= 30);
const stepName = fc.stringMatching(/^[a-z][a-z0-9_]*(-[a-z0-9_]+)*$/).filter((name) => name.length <= 30);

function allNames(names: Names, pipeline: string, step: string) {
  return {
    stacks: [names.platformStack, names.pipelineStack(pipeline)],
    buckets: [names.deadLetters, names.landing, names.lake],
    tables: [names.checkpoints],
    streams: [names.stream(pipeline, step)],
    functions: [names.step(pipeline, step)],
    queues: [names.step(pipeline, step), names.failedItems(pipeline, step)],
    databases: [names.database],
    secrets: [names.secret(pipeline, step, 'token')],
  };
}

describe('physical names', () => {
  test('consist of the stage, the pipeline and the name', () => {
    const names = namesOf({ ...PLACE, stage: 'dev' });
    expect(names.step('orders', 'order-events')).toBe('millrace-dev-orders--order-events');
    expect(names.stream('sensors', 'raw')).toBe('millrace-dev-sensors--raw');
    expect(names.lake).toBe('millrace-dev-lake-123456789012-ap-southeast-2');
    expect(names.arnOf('kinesis', `stream/${names.stream('sensors', 'raw')}`)).toBe(
      'arn:aws:kinesis:ap-southeast-2:123456789012:stream/millrace-dev-sensors--raw',
    );
  });

  const FORMS: Record<keyof ReturnType<typeof allNames>, RegExp> = {
    stacks: /^[A-Za-z][A-Za-z0-9-]{0,127}$/,
    buckets: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    tables: /^[a-zA-Z0-9_.-]{3,255}$/,
    streams: /^[a-zA-Z0-9_.-]{1,128}$/,
    functions: /^[a-zA-Z0-9-_]{1,64}$/,
    queues: /^[a-zA-Z0-9-_]{1,80}$/,
    databases: /^(?!.*--)[a-z][a-z0-9-]{0,62}$/,
    secrets: /^[a-zA-Z0-9/_+=.@-]{1,512}$/,
  };

  test.each(Object.entries(FORMS))('of %s are valid in AWS, however long their parts are', (kind, form) => {
    fc.assert(
      fc.property(stageName, pipelineName, stepName, (stage, pipeline, step) => {
        const names = allNames(namesOf({ ...PLACE, stage }), pipeline, step);
        for (const name of names[kind as keyof typeof names]) expect(name).toMatch(form);
      }),
    );
  });

  test('of two stages never collide', () => {
    const at = (stage: string, pipeline: string, step: string) =>
      Object.values(allNames(namesOf({ ...PLACE, stage }), pipeline, step)).flat();
    fc.assert(
      fc.property(
        fc.uniqueArray(stageName, { minLength: 2, maxLength: 2 }),
        fc.array(pipelineName, { minLength: 2, maxLength: 2 }),
        fc.array(stepName, { minLength: 2, maxLength: 2 }),
        (stages, pipelines, steps) => {
          const one = new Set(at(stages[0]!, pipelines[0]!, steps[0]!));
          expect(at(stages[1]!, pipelines[1]!, steps[1]!).filter((name) => one.has(name))).toEqual([]);
        },
      ),
    );
  });

  test('of two steps never collide, also when their hyphens are elsewhere', () => {
    const names = namesOf({ ...PLACE, stage: 'dev' });
    expect(names.step('a-b', 'c')).not.toBe(names.step('a', 'b-c'));
    expect(names.pipelineStack('a-b')).not.toBe(names.pipelineStack('a'));
    const twins = (step: string) => names.step('p'.repeat(30), `${'s'.repeat(29)}${step}`);
    expect(twins('1')).not.toBe(twins('2'));
  });

  test.each(['', 'Dev', '1st', 'my-stage', 'my_stage', 'averylongstage'])('refuse the stage %j', (stage) => {
    expect(() => namesOf({ ...PLACE, stage })).toThrow(/a stage has 1 to 12 characters of a-z and 0-9/);
  });
});
