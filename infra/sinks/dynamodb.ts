import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';

/** The option that the grants depend on. */
const Options = z.object({ table: z.string() });

/**
 * Lets the sink write items of its table, and of those that its replays fill. It reads the key that a table has, and
 * the item that says whose table it is. The function runs outside of any network of the stage.
 */
export function dynamoDbOnAws(step: ConnectorStep, { tables }: AwsResources): Needs {
  const { table } = Options.parse(step.options);
  const [own, replays] = [tables.arnOf(table), tables.arnOf(`${table}--*`)];
  return {
    resources: { tablePrefix: tables.prefix },
    statements: [
      {
        why: 'writes the items of its table',
        actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
        resources: [own, replays],
      },
      { why: 'sees whether the table of a replay is fresh', actions: ['dynamodb:Scan'], resources: [replays] },
    ],
    network: undefined,
  };
}

/** On a laptop, the sink makes its table. */
export function dynamoDbOnLaptop(_step: ConnectorStep, { tablePrefix }: LaptopResources): unknown {
  return { tablePrefix, create: true };
}
