import { describe, expect, test } from 'vitest';
import type { LiveSteps } from '../../../infra/console/answers.ts';
import { watchSteps } from '../../../infra/console/live-steps.ts';
import { rateText } from '../../../infra/console/pages/words.ts';
import type { ConsoleSource } from '../../../infra/console/source.ts';
import { pipelineFinder } from '../../../infra/operation/find-step.ts';
import type { RateReader } from '../../../infra/operation/status/rates.ts';
import type { TargetWithFunctions } from '../../../infra/operation/target.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';
import type { Pipeline } from '../../../infra/pipelines/pipeline.ts';

const sensors = pipelines.filter(({ name }) => name === 'sensors');

/** Watches a stage whose every call to AWS fails, until a message is the wanted one. */
async function watched(
  { shown = sensors, error, rates }: { shown?: readonly Pipeline[]; error: Error; rates?: RateReader },
  isWanted: (all: readonly LiveSteps[]) => boolean,
): Promise<readonly LiveSteps[]> {
  const send = async () => {
    throw error;
  };
  const clients = { kinesis: { send }, dynamodb: { send }, s3: { send }, sqs: { send } };
  const target = {
    names: { checkpoints: 'c', deadLetters: 'd', step: (...words: string[]) => words.join('--') },
    clients,
    streamName: () => 'stream',
  } as unknown as TargetWithFunctions;
  const found = { title: "stage 'prod'", pipelines: undefined };
  const source: ConsoleSource = {
    ...found,
    options: '',
    target,
    find: pipelineFinder(shown, found),
    hidesData: false,
    lookEveryMillis: 1,
    writes: false,
    ...(rates === undefined ? {} : { rates }),
  };
  const stop = new AbortController();
  const messages: LiveSteps[] = [];
  const gone = new AbortController();
  await new Promise<void>((resolve) => {
    watchSteps(source, stop.signal).listen((message) => {
      messages.push(message);
      if (isWanted(messages)) resolve();
    }, gone.signal);
  });
  gone.abort();
  stop.abort();
  return messages;
}

function refusal(message: string, name = 'AccessDeniedException'): Error {
  return Object.assign(new Error(message), { name });
}

const readSteps = (messages: readonly LiveSteps[]) => messages.flatMap(({ steps }) => steps);
const [first] = sensors;
const readers = [first?.transforms, first?.sinks].flatMap((steps) => Object.keys(steps ?? {}));

describe('a stage that its operator has no right to read', () => {
  test('shows each step as unknown, with the right that is missing', async () => {
    const error = refusal('User: me is not authorized to perform: kinesis:DescribeStreamSummary on resource: stream');
    const messages = await watched({ error }, (all) =>
      readers.every((name) => readSteps(all).some(({ step }) => step === name)),
    );
    for (const summary of readSteps(messages).filter(({ step }) => readers.includes(step)))
      expect(summary).toMatchObject({
        state: 'unknown',
        note: expect.stringContaining('may not call kinesis:DescribeStreamSummary: allow it'),
      });
  });

  test.each([
    ['a reply of S3', refusal('Access Denied', 'AccessDenied')],
    ['a key of KMS', refusal('the caller may not use the key', 'KMSAccessDeniedException')],
    ['a reply without a body', refusal('UnknownError', '403')],
  ])('shows each step as unknown when AWS does not name the right: %s', async (_, error) => {
    const messages = await watched({ error }, (all) =>
      readers.every((name) => readSteps(all).some(({ step }) => step === name)),
    );
    for (const { state, note } of readSteps(messages).filter(({ step }) => readers.includes(step))) {
      expect(state).toBe('unknown');
      expect(note).toContain('lack a right that AWS does not name');
      expect(note).toContain(error.message);
    }
    expect(messages.some(({ problem }) => problem)).toBe(false);
  });

  test('says which right is missing for the rates, and shows the steps all the same', async () => {
    const read = async () => {
      throw refusal('User: me is not authorized to perform: cloudwatch:GetMetricData because no policy allows it');
    };
    const messages = await watched(
      { error: refusal('no'), rates: { everyMillis: 1_000, read } },
      (all) => all.some(({ rates }) => rates !== undefined) && readSteps(all).length > 0,
    );
    expect(messages.find(({ rates }) => rates !== undefined)?.rates).toMatchObject({
      steps: [],
      why: expect.stringContaining('may not call cloudwatch:GetMetricData: allow it'),
    });
  });
});

test('a stage without pipelines sends no step and no problem', async () => {
  const read: RateReader['read'] = async (steps) => ({
    steps: steps.map(() => expect.unreachable()),
    overSeconds: 300,
  });
  const rates = { everyMillis: 1_000, read };
  const messages = await watched({ shown: [], error: refusal('no'), rates }, (all) => all.length >= 2);
  expect(messages).toEqual([{ steps: [] }, { steps: [], rates: { steps: [], overSeconds: 300 } }]);
});

test('a rate is short, and a step that does nothing has none', () => {
  const rates = [0, 0.01, 0.25, 9.96, 12.4, 1_204, 99_949, 250_000];
  expect(rates.map(rateText)).toEqual(['', '<0.1/s', '0.3/s', '10/s', '12/s', '1,204/s', '99,949/s', '250k/s']);
});
