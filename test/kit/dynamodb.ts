import {
  ConditionalCheckFailedException,
  type CreateTableCommandInput,
  type DescribeTableCommandInput,
  type GetItemCommandInput,
  type PutItemCommandInput,
  ResourceInUseException,
  ResourceNotFoundException,
  type ScanCommandInput,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { conditionHolds, type Item, updated } from './dynamodb-expressions.ts';
import { clientError } from './sdk-errors.ts';
import { type Service, serviceOf } from './service.ts';

/** A DynamoDB in memory: consistent reads and conditional writes of single items. */
export interface DynamoDb extends Service {
  createTable(name: string, key: { readonly partition: string; readonly sort?: string }): void;
  items(table: string): readonly Item[];
  /** Keeps all items of a table. Call the result to restore them, as from a backup. */
  backUp(table: string): () => void;
}

interface Table {
  readonly keys: readonly string[];
  readonly items: Map<string, Item>;
}

export function createDynamoDb(): DynamoDb {
  const tables = new Map<string, Table>();

  function tableOf(name: string | undefined): Table {
    const table = tables.get(name ?? '');
    if (table === undefined)
      throw new ResourceNotFoundException({ message: 'Requested resource not found', $metadata: METADATA });
    return table;
  }

  const service = serviceOf('DynamoDB', {
    GetItem(input: GetItemCommandInput) {
      if (input.ConsistentRead !== true) throw new Error('the kit answers consistent reads only: set ConsistentRead');
      const table = tableOf(input.TableName);
      const stored = table.items.get(itemKeyOf(table, input.Key));
      return stored === undefined ? {} : { Item: structuredClone(stored) };
    },

    CreateTable({ TableName: name = '', KeySchema = [] }: CreateTableCommandInput) {
      if (tables.has(name))
        throw new ResourceInUseException({ message: `Table already exists: ${name}`, $metadata: METADATA });
      tables.set(name, { keys: KeySchema.map(({ AttributeName = '' }) => AttributeName), items: new Map() });
      return {};
    },

    DescribeTable({ TableName }: DescribeTableCommandInput) {
      const { keys } = tableOf(TableName);
      return {
        Table: {
          TableStatus: 'ACTIVE',
          KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
          AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        },
      };
    },

    PutItem(input: PutItemCommandInput) {
      const table = tableOf(input.TableName);
      const { Item: item = {}, ConditionExpression: condition } = input;
      const itemKey = itemKeyOf(table, Object.fromEntries(table.keys.map((name) => [name, item[name]])) as Item);
      refuseUnused(input);
      if (condition !== undefined && !conditionHolds(condition, table.items.get(itemKey) ?? {}, input))
        throw new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: METADATA });
      if (bytesOf(item) > LARGEST_ITEM_BYTES)
        throw clientError('ValidationException', 'Item size has exceeded the maximum allowed size');
      table.items.set(itemKey, structuredClone(item));
      return {};
    },

    Scan({ TableName, Limit = Number.POSITIVE_INFINITY }: ScanCommandInput) {
      const table = tableOf(TableName);
      const all = [...table.items.values()];
      return {
        Items: structuredClone(all.slice(0, Limit)),
        ...(all.length > Limit ? { LastEvaluatedKey: {} } : {}),
      };
    },

    UpdateItem(input: UpdateItemCommandInput) {
      const table = tableOf(input.TableName);
      const itemKey = itemKeyOf(table, input.Key);
      const stored = table.items.get(itemKey) ?? {};
      refuseUnused(input);
      const { ConditionExpression: condition, UpdateExpression: update = '' } = input;
      if (condition !== undefined && !conditionHolds(condition, stored, input))
        throw new ConditionalCheckFailedException({
          message: 'The conditional request failed',
          $metadata: METADATA,
        });
      const next = updated(update, { ...stored, ...input.Key }, input);
      if (bytesOf(next) > LARGEST_ITEM_BYTES)
        throw clientError('ValidationException', 'Item size to update has exceeded the maximum allowed size');
      table.items.set(itemKey, next);
      return {};
    },
  });

  return {
    ...service,
    createTable(name, { partition, sort }) {
      tables.set(name, { keys: sort === undefined ? [partition] : [partition, sort], items: new Map() });
    },
    items: (name) => [...tableOf(name).items.values()],
    backUp(name) {
      const table = tableOf(name);
      const kept = [...table.items];
      return () => {
        table.items.clear();
        for (const [key, item] of kept) table.items.set(key, item);
      };
    },
  };
}

const METADATA = { httpStatusCode: 400 };
const LARGEST_ITEM_BYTES = 400 * 1_024;

function itemKeyOf({ keys }: Table, key: Item = {}): string {
  const values = keys.map((name) => key[name]?.S);
  if (Object.keys(key).length !== keys.length || values.includes(undefined))
    throw clientError('ValidationException', 'The provided key element does not match the schema');
  return JSON.stringify(values);
}

/** Throws when a name or value is not used by any expression, as DynamoDB does. */
function refuseUnused(
  input: Pick<
    UpdateItemCommandInput,
    'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >,
): void {
  const expressions = `${input.UpdateExpression ?? ''} ${input.ConditionExpression ?? ''}`;
  const used = new Set(expressions.match(/[#:]\w+/g));
  for (const [what, given] of [
    ['Names', input.ExpressionAttributeNames],
    ['Values', input.ExpressionAttributeValues],
  ] as const) {
    const unused = Object.keys(given ?? {}).filter((name) => !used.has(name));
    if (unused.length === 0) continue;
    const message = `Value provided in ExpressionAttribute${what} unused in expressions: keys: {${unused.join(', ')}}`;
    throw clientError('ValidationException', message);
  }
}

/** Counts the bytes of names and values. */
function bytesOf(item: Item): number {
  return Object.entries(item).reduce((sum, [name, { S = '', N = '', L = [], M = {} }]) => {
    const parts = L.reduce((all, one) => all + bytesOf({ '': one }), 0) + bytesOf(M);
    return sum + Buffer.byteLength(name) + Buffer.byteLength(S) + Math.ceil(N.length / 2) + parts;
  }, 0);
}
