import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  ScanCommand,
  type TableDescription,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { UserMistake } from '../../runtime/errors.ts';
import { sleepFor } from '../../runtime/log/back-off.ts';
import { generationAfter } from '../../runtime/versions/version.ts';

export type DynamoDb = Pick<DynamoDBClient, 'send'>;

/** The table that a step writes, and who writes it. */
export interface StepTable {
  readonly client: DynamoDb;
  readonly table: string;
  /** `<pipeline>/<step>`. */
  readonly step: string;
  readonly formerly: string | undefined;
  /** True where nobody makes the table but the sink. */
  readonly create: boolean;
}

/** The key of the sink's own item: it names the step that the table belongs to, and the highest generation. */
export const OWN_ITEM = 'millrace/step';

/**
 * Resolves to the name of the table's key, once the table is the step's. Throws a `UserMistake` for a table that the
 * sink could not write, and for one that another step writes: their versions do not compare.
 */
export async function openTable(of: StepTable, signal: AbortSignal): Promise<string> {
  const keyName = await keyNameOf(of, signal);
  const at = { ...of, keyName };
  const { owner } = await ownItem(at, signal);
  if (owner === undefined) await claim(at, signal);
  else refuseOther(of, owner);
  return keyName;
}

/** Resolves to the name of the table's key. Throws when the table is missing or has a key of another kind. */
export async function keyNameOf(of: StepTable, abortSignal: AbortSignal): Promise<string> {
  const { client, table, create } = of;
  if (create) await createTable(of, abortSignal);
  for (;;) {
    const { Table } = await client
      .send(new DescribeTableCommand({ TableName: table }), { abortSignal })
      .catch((error: unknown) => {
        throw error instanceof ResourceNotFoundException ? missing(table) : error;
      });
    if (Table?.TableStatus === 'CREATING') {
      await sleepFor(CREATING_MILLIS, abortSignal);
      continue;
    }
    const key = keyOf(Table ?? {});
    if ('name' in key) return key.name;
    throw new UserMistake(`the table ${table} ${key.wrong}`);
  }
}

const CREATING_MILLIS = 20;

/** Finds the name of the key of a table that the sink can write, or what is wrong with the table. */
export function keyOf({
  KeySchema = [],
  AttributeDefinitions = [],
}: TableDescription): { readonly name: string } | { readonly wrong: string } {
  const parts = KeySchema.map(({ AttributeName: name = '', KeyType }) => {
    const type = AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
    return { name, text: `${name} (${KeyType}, ${type})`, fits: KeyType === 'HASH' && type === 'S' };
  });
  const [key, ...others] = parts;
  if (key?.fits && others.length === 0) return { name: key.name };
  const has = parts.map(({ text }) => text).join(', ');
  return {
    wrong: `has the key ${has}: the sink needs one partition key of type S and no sort key; make such a table`,
  };
}

function missing(table: string): UserMistake {
  return new UserMistake(`the table ${table} is missing: ${createCommand(table)}`);
}

/** Returns the command that makes a table for the sink. */
export function createCommand(table: string): string {
  return `aws dynamodb create-table --table-name ${table} --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST`;
}

async function createTable({ client, table }: StepTable, abortSignal: AbortSignal): Promise<void> {
  const command = new CreateTableCommand({
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
  try {
    await client.send(command, { abortSignal });
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

interface AtTable extends StepTable {
  readonly keyName: string;
}

async function ownItem(
  { client, table, keyName }: AtTable,
  abortSignal: AbortSignal,
): Promise<{ readonly owner: string | undefined; readonly generation: number | undefined }> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: table, Key: { [keyName]: { S: OWN_ITEM } }, ConsistentRead: true }),
    { abortSignal },
  );
  const { N } = Item?.generation ?? {};
  return { owner: Item?.owner?.S, generation: N === undefined ? undefined : Number(N) };
}

function refuseOther({ table, step, formerly }: StepTable, owner: string): void {
  if (owner === step || owner === formerly) return;
  throw new UserMistake(
    `the table ${table} belongs to the step ${owner}, and the versions of two steps do not compare: give ${step} a table of its own`,
  );
}

async function claim(at: AtTable, signal: AbortSignal): Promise<void> {
  const done = await updated(at, signal, {
    UpdateExpression: 'SET #owner = :owner',
    ConditionExpression: 'attribute_not_exists(#owner)',
    ExpressionAttributeNames: { '#owner': 'owner' },
    ExpressionAttributeValues: { ':owner': { S: at.step } },
  });
  if (!done) refuseOther(at, (await ownItem(at, signal)).owner ?? '');
}

/** Resolves to the highest generation that the table knows. */
export async function highestGeneration(at: AtTable, signal: AbortSignal): Promise<number> {
  return (await ownItem(at, signal)).generation ?? 0;
}

/** Stores the generation after the highest one that is known, and resolves to it. */
export async function nextGeneration(at: AtTable, above: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    const { generation } = await ownItem(at, signal);
    const next = generationAfter(Math.max(generation ?? 0, above), `the table ${at.table}`);
    const done = await updated(at, signal, {
      UpdateExpression: 'SET #generation = :next',
      ConditionExpression: generation === undefined ? 'attribute_not_exists(#generation)' : '#generation = :known',
      ExpressionAttributeNames: { '#generation': 'generation' },
      ExpressionAttributeValues: {
        ':next': { N: String(next) },
        ...(generation === undefined ? {} : { ':known': { N: String(generation) } }),
      },
    });
    // Another invocation has taken it.
    if (done) return next;
    signal.throwIfAborted();
  }
}

type Update = Pick<
  ConstructorParameters<typeof UpdateItemCommand>[0],
  'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
>;

/** Resolves to false when the condition did not hold. */
async function updated(
  { client, table, keyName }: AtTable,
  abortSignal: AbortSignal,
  update: Update,
): Promise<boolean> {
  const command = new UpdateItemCommand({ TableName: table, Key: { [keyName]: { S: OWN_ITEM } }, ...update });
  try {
    await client.send(command, { abortSignal });
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

/** Resolves to true when the table has no item but the sink's own. */
export async function isEmpty({ client, table, keyName }: AtTable, abortSignal: AbortSignal): Promise<boolean> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new ScanCommand({ TableName: table, Limit: 2, ConsistentRead: true }),
    { abortSignal },
  );
  return LastEvaluatedKey === undefined && Items.every((item) => item[keyName]?.S === OWN_ITEM);
}
