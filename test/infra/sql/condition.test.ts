import { expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { conditionOn } from '../../../infra/sql/condition.ts';

const Order = z.object({
  id: z.int(),
  'Ship Mode': z.string().nullable(),
  tags: z.array(z.string()),
  note: z.string(),
});
const data = { id: 7, 'Ship Mode': 'First', tags: ['a', 'b'], note: 'été' };
const event = {
  id: 'e',
  source: '/s',
  type: 'order.placed',
  key: 'CA-1',
  time: '2026-01-02T03:04:05Z',
  dataBytes: Buffer.from(JSON.stringify(data)),
} as unknown as ReceivedEvent;

const on = (text: string) => conditionOn({ file: '--where', text }, { name: 'late-orders', schema: Order });

test.each([
  ['id = 7', true],
  ['id = 8', false],
  ["\"Ship Mode\" LIKE 'F%' AND key LIKE 'CA-%'", true],
  ["note = 'été' AND id > 6", true],
  ["'b' = ANY(tags)", true],
  ["time > '2026-01-02'", true],
  ["event.id = 'e'", true],
  ['"late-orders".id = 7', true],
  ['NULL', false],
  ['id = 7 -- a comment', true],
])('the condition %s is evaluated for an event: %s', async (text, answer) => {
  expect((await on(text))(event)).toBe(answer);
});

test('an event with an invalid column, or for which the condition fails, is rejected', async () => {
  const isSo = await on('10 / (id - 7) > 1');
  expect(() => isSo(event)).toThrow('division by zero (SQLSTATE 22012), at --where:1:');
  const other = { ...event, dataBytes: Buffer.from('{"id":"x"}') } as unknown as ReceivedEvent;
  expect(() => isSo(other)).toThrow('column "id" must be bigint, not "x"');
});

test.each([
  ['ide = 7', '--where:1:1: there is no column "ide"\n1 | ide = 7\n    ^\n  hint: did you mean "id"?'],
  ["note = 'é' AND\n  idd = 7", '--where:2:3: there is no column "idd"\n2 |   idd = 7\n      ^'],
  ['id = ', '--where:1:6: syntax error at end of input'],
  ["note = 'é' AND id = = 7", '--where:1:21: syntax error at or near "="\n'],
  ['id', '--where:1:1: the argument of WHERE must be boolean, not bigint'],
  ['', '--where:1:1: the condition is empty'],
  ['id = 7; SELECT 1', '--where:1:7: a condition must be one expression'],
  ['true ORDER BY id', '--where:1:6: ORDER BY is not supported'],
  ['true UNION SELECT 1', '--where:1:6: UNION, INTERSECT and EXCEPT are not supported'],
  ['time > now()', '--where:1:8: now() is volatile'],
  ['count(*) > 1', '--where:1:1: count is an aggregate'],
])('the condition %j is reported as a mistake', async (text, message) => {
  const rejected = await on(text).catch((error: unknown) => error);
  expect(rejected).toBeInstanceOf(UserMistake);
  expect((rejected as UserMistake).message).toContain(message);
});
