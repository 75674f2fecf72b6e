import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDbSink } from '../../../../functions/sinks/dynamodb/dynamodb.ts';
import { startDynamodb } from '../../../../infra/local/servers/dynamodb-server.ts';
import { namesOf } from '../../../../infra/names.ts';
import type { ExaminedStage } from '../../../../infra/operation/doctor/stage.ts';
import { examineTables } from '../../../../infra/operation/doctor/tables.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../../eventually.ts';

const pipeline = definePipeline({
  name: 'shop',
  streams: { orders: { schema: z.object({ total: z.number() }) } },
  sinks: {
    missing: { from: 'orders', write: dynamoDbSink({ table: 'missing' }) },
    fits: { from: 'orders', write: dynamoDbSink({ table: 'fits' }) },
    sorted: { from: 'orders', write: dynamoDbSink({ table: 'sorted' }) },
  },
});

test('doctor says which tables of sinks are missing, have another key, or keep their tombstones for ever', async () => {
  const server = await startDynamodb();
  const dynamodb = new DynamoDBClient({
    endpoint: server.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  try {
    const names = namesOf({ stage: 'dev', account: '123456789012', region: 'eu-west-1', partition: 'aws' });
    for (const [table, keys] of [
      ['fits', ['order']],
      ['sorted', ['order', 'at']],
    ] as const)
      await dynamodb.send(
        new CreateTableCommand({
          TableName: `millrace-dev-${table}`,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
          KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
        }),
      );
    const stage = { target: { names, clients: { dynamodb } }, signal: noDeadline() } as unknown as ExaminedStage;
    const findings = await examineTables(planOf(pipeline, [pipeline]), stage);
    expect(findings.map(({ of, state, found }) => `${of}: ${state}, ${found}`)).toEqual([
      'millrace-dev-missing: wrong, is missing',
      'millrace-dev-fits: ok, has the key order',
      expect.stringMatching(/^millrace-dev-fits: (wrong|unanswered), /),
      expect.stringMatching(/^millrace-dev-sorted: wrong, has the key order \(HASH, S\), at \(RANGE, S\): /),
    ]);
    expect(findings[0]?.fix).toMatch(/^aws dynamodb create-table --table-name millrace-dev-missing /);
  } finally {
    dynamodb.destroy();
    await server.stop();
  }
});
