import type { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { type Sending, sendEvents } from './send-events.ts';

/** A queue that notes the requests, and answers each with these refusals. */
function queueThatRefuses(refused: readonly { readonly Code: string; readonly Message: string }[]) {
  const requests: number[][] = [];
  const client = {
    async send({ input: { Entries = [] } }: SendMessageBatchCommand) {
      requests.push(Entries.map(({ MessageBody = '' }) => JSON.parse(MessageBody).data as number));
      return { Failed: refused };
    },
  } as unknown as Sending['client'];
  return { requests, sending: { client, step: 'p/s', queueUrl: 'q' } };
}

const keyed = (keys: string) => logOf([...keys].map((key, data) => ({ key, data })));

test.each([
  [
    'ten events at most',
    'abcdefghijkl',
    [
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [10, 11],
    ],
  ],
  [
    'one event of each key, in the order of the log',
    'abacb',
    [
      [0, 1],
      [2, 3, 4],
    ],
  ],
  ['nothing when there is nothing', '', []],
])('a request takes %s', async (_, keys, expected) => {
  const { requests, sending } = queueThatRefuses([]);
  const events = keyed(keys);
  await sendEvents(sliceOf({ events, ...(events.length === 0 && { to: logOf([{ data: 0 }])[0]!.position }) }), sending);
  expect(requests).toEqual(expected);
});

test('nothing is sent behind a message that SQS refused: the slice is delivered again', async () => {
  const { requests, sending } = queueThatRefuses([{ Code: 'InternalError', Message: 'try again' }]);
  await expect(sendEvents(sliceOf({ events: keyed('aa') }), sending)).rejects.toThrow(
    'SQS refused 1 of 1 messages (InternalError: try again)',
  );
  expect(requests).toEqual([[0]]);
});

test('an event that is too large for a message is rejected, with both sizes', async () => {
  const { sending } = queueThatRefuses([]);
  const [rejection] = await sendEvents(sliceOf({ events: logOf([{ data: 'x'.repeat(1_048_576) }]) }), sending);
  expect(rejection?.message).toMatch(/^the event has 1048\d\d\d bytes, and SQS allows 1048576$/);
});
