import { ConditionalCheckFailedException, type PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import type { DynamoDb } from '../../../../functions/sinks/dynamodb/table.ts';
import { writeItems } from '../../../../functions/sinks/dynamodb/write-items.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';

/** Answers each request of a slice of two keys with the next error, and then with success. */
async function written(errors: readonly Error[]) {
  const left = [...errors];
  const requests: unknown[] = [];
  const client = {
    async send({ input }: PutItemCommand) {
      requests.push(input.Item);
      const error = left.shift();
      if (error !== undefined) throw error;
      return {};
    },
  } as unknown as DynamoDb;
  const events = logOf(['a', 'b'].map((key, n) => ({ data: { n }, key })));
  const slice = sliceOf({ events, versionOf: () => 1n });
  const rejections = await writeItems(slice, {
    client,
    table: 't',
    keyName: async () => 'id',
    item: 'key',
    tombstoneDays: 1,
    now: () => 0,
    recheck: async () => undefined,
  });
  return { rejections, requests: requests.length };
}

const named = (name: string) => Object.assign(new Error(`DynamoDB says ${name}`), { name });

test.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'])(
  'an item that is answered with %s is written again, and no other',
  async (name) => {
    expect(await written([named(name), named(name)])).toEqual({ rejections: [], requests: 4 });
  },
);

test.each(['AccessDeniedException', 'UnrecognizedClientException', 'ExpiredTokenException', 'ECONNREFUSED'])(
  'the step waits, and no event is a dead letter, when DynamoDB is away or refuses the caller (%s)',
  async (name) => {
    await expect(written([named(name)])).rejects.toThrow(`DynamoDB says ${name}`);
  },
);

test('an item whose version is too low, and one that DynamoDB refuses, are no failures of the step', async () => {
  const lost = new ConditionalCheckFailedException({ message: 'lost', $metadata: {} });
  const { rejections, requests } = await written([lost, named('ValidationException')]);
  expect(rejections).toMatchObject([
    { reason: 'refused', message: 'DynamoDB refuses the item: DynamoDB says ValidationException' },
  ]);
  expect(requests).toBe(2);
});
