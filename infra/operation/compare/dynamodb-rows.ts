import { type AttributeValue, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { dynamoDbDefinition } from '../../../functions/sinks/dynamodb/dynamodb.ts';
import { DELETED, type Item, VERSION } from '../../../functions/sinks/dynamodb/item.ts';
import { keyNameOf, OWN_ITEM } from '../../../functions/sinks/dynamodb/table.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { digits } from './exact-json.ts';
import { prices } from './prices.ts';
import type { OpenRows, Reading, SinkView, StoredRow } from './stored-rows.ts';

/** A table of DynamoDB: an item for each key, or for each event. */
export function dynamoDbView(step: SinkPlan): SinkView {
  const { table, item } = parseOrExplain(dynamoDbDefinition.options, step.options, `the options of '${step.name}'`);
  const isOfEvents = item === 'event';
  return {
    step,
    keeps: isOfEvents ? 'events' : 'latest',
    removes: true,
    stores: new Set([isOfEvents ? 'id' : 'key']),
    open: (reading) => openItems({ step, table, isOfEvents }, reading),
  };
}

interface OpeningItems {
  readonly step: SinkPlan;
  readonly table: string;
  readonly isOfEvents: boolean;
}

async function openItems(of: OpeningItems, { target, signal }: Reading): Promise<OpenRows> {
  const { dynamodb: client } = target.clients;
  const { step, isOfEvents } = of;
  const table = `${target.names.tablePrefix}${of.table}`;
  const opened = { client, table, step: step.name, formerly: undefined, create: false };
  const keyName = await keyNameOf(opened, signal).catch((error: unknown) => {
    // On a laptop the sink makes its table, with the first event.
    if (error instanceof UserMistake && error.message.includes('is missing')) return undefined;
    throw error;
  });
  let [bytes, writeUnits, items, pages, readUnits] = [0, 0, 0, 0, 0];
  /** Counts a page, and returns its items without the sink's own one. */
  const counted = ({ Items = [], ConsumedCapacity }: ScanCommandOutput): readonly Item[] => {
    const pageBytes = Items.reduce((sum, item) => sum + sizeOf(item), 0);
    const stored = Items.filter((item) => item[keyName ?? '']?.S !== OWN_ITEM);
    pages += 1;
    bytes += pageBytes;
    readUnits += ConsumedCapacity?.CapacityUnits ?? Math.ceil(pageBytes / READ_UNIT);
    items += stored.length;
    writeUnits += stored.reduce((sum, item) => sum + Math.ceil(sizeOf(item) / WRITE_UNIT), 0);
    return stored;
  };
  return {
    forms: new Map(),
    async *rows() {
      [bytes, writeUnits, items, pages, readUnits] = [0, 0, 0, 0, 0];
      for (let ExclusiveStartKey: Item | undefined; keyName !== undefined; ) {
        const command = new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ReturnConsumedCapacity: 'TOTAL',
          ...(ExclusiveStartKey && { ExclusiveStartKey }),
        });
        const page = await client.send(command, { abortSignal: signal });
        const present = counted(page).filter((item) => item[DELETED]?.BOOL !== true);
        if (present.length > 0) yield present.map((item) => rowOf(item, { keyName, isOfEvents }));
        if (page.LastEvaluatedKey === undefined) return;
        ExclusiveStartKey = page.LastEvaluatedKey;
      }
    },
    async footprint() {
      return {
        bytes,
        storagePrice: prices.dynamoDbStorage(bytes),
        requests: [
          { what: 'items written', count: items, price: prices.dynamoDbWrites(writeUnits), ...writtenOnce(of) },
        ],
        read: [{ what: 'pages scanned', count: pages, price: prices.dynamoDbReads(readUnits) }],
      };
    },
  };
}

/** An item of a key was written with each of its events, of which only the last is there. */
function writtenOnce({ isOfEvents }: OpeningItems): { readonly atLeast?: true } {
  return isOfEvents ? {} : { atLeast: true };
}

const WRITE_UNIT = 1_024;
const READ_UNIT = 4_096;

/** The bytes that DynamoDB counts for an item's index beside its attributes. */
const ITEM_OVERHEAD = 100;

function sizeOf(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value),
    ITEM_OVERHEAD,
  );
}

/** Returns about the bytes that DynamoDB counts for a value (developer guide, "item sizes and formats"). */
function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1;
  if (value.L !== undefined) return value.L.reduce((sum, one) => sum + 1 + valueSize(one), 3);
  if (value.M !== undefined)
    return Object.entries(value.M).reduce((sum, [name, one]) => sum + 1 + Buffer.byteLength(name) + valueSize(one), 3);
  return 1;
}

function rowOf(
  item: Item,
  { keyName, isOfEvents }: { readonly keyName: string; readonly isOfEvents: boolean },
): StoredRow {
  const data: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(item)) data[name] = plainValue(value);
  const key = item[keyName]?.S ?? '';
  const version = (item[VERSION]?.N ?? '').padStart(40, '0');
  return {
    data,
    event: isOfEvents ? { id: key } : { key },
    // Of two events of one shard, the later one has the higher version.
    ...(isOfEvents ? { order: { group: '', from: '', to: '~', at: version } } : {}),
  };
}

function plainValue(value: AttributeValue): unknown {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return digits(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.L !== undefined) return value.L.map(plainValue);
  if (value.M !== undefined)
    return Object.fromEntries(Object.entries(value.M).map(([name, one]) => [name, plainValue(one)]));
  return null;
}
