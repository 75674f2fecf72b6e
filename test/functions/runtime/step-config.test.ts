import { expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseOrExplain, parseStepConfig } from '../../../functions/runtime/step-config.ts';

const CONFIG = { pipeline: 'p', step: 's', generation: 'g', checkpoints: 'c', deadLetters: 'd' };

test('the configuration of a deployment is accepted', () => {
  const config = parseStepConfig(JSON.stringify({ ...CONFIG, input: { stream: 'in', own: ['/p/a/'] } }));
  expect(config.input).toEqual({ stream: 'in', own: ['/p/a/'], start: 'earliest' });
});

test.each([
  { what: 'no JSON', text: '{', messages: [/STEP_CONFIG is not JSON/] },
  {
    what: 'what is missing and what is wrong, at once',
    text: JSON.stringify({ ...CONFIG, step: undefined, output: { stream: 's', compression: 'lz4' } }),
    messages: [/STEP_CONFIG cannot be used/, /step: .*string/, /output\.compression: .*"zstd"/],
  },
  {
    what: 'a field that nobody knows',
    text: JSON.stringify({ ...CONFIG, speed: 9 }),
    messages: [/Unrecognized key: "speed"/],
  },
])('says $what', ({ text, messages }) => {
  const parse = () => parseStepConfig(text);
  expect(parse).toThrow(UserMistake);
  for (const message of messages) expect(parse).toThrow(message);
});

test('one message lists every wrong path, and names the value itself when that is wrong', () => {
  const schema = z.strictObject({ table: z.string(), key: z.array(z.string()) });
  expect(() => parseOrExplain(schema, { table: 7, key: 'id' }, "the options of step 'p/s'")).toThrow(
    /the options of step 'p\/s' cannot be used:\n {2}table: .*\n {2}key: /,
  );
  expect(() => parseOrExplain(schema, null, 'options')).toThrow(/\n {2}options: /);
});
