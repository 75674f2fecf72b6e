import { z } from 'zod';
import { dynamoClient } from '../../runtime/aws/dynamo.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { defineSink, type OpenSink, type Sink } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { openedOnce } from '../../runtime/versions/destination.ts';
import { highestGeneration, isEmpty, keyNameOf, nextGeneration, openTable } from './table.ts';
import { writeItems } from './write-items.ts';

const Options = z.strictObject({
  table: z
    .string()
    .max(120)
    .regex(
      /^(?!.*--|checkpoints$)[\w.-]+$/,
      "is made of letters, digits and _ . -, without '--', and not 'checkpoints'",
    )
    .describe(
      'The table to write to, without the name of the stage: `orders` is the table `millrace-<stage>-orders`. You make it: one partition key of type S, of any name, and no sort key. It belongs to this step alone.',
    ),
  item: z
    .enum(['key', 'event'])
    .default('key')
    .describe(
      "What an item stands for. `key`: the latest event with a key; the event's key is the item's. `event`: one event; its id is the item's key.",
    ),
  tombstoneDays: z
    .int()
    .min(1)
    .max(3_650)
    .default(400)
    .describe(
      'How long a deleted item stays as a tombstone. Longer than the stream keeps events, and than you put dead letters back: until then no older event brings the item back.',
    ),
});

const Resources = z.strictObject({
  /** What stands before a table's name. */
  tablePrefix: z.string().min(1),
  /** True on a laptop, where nobody else makes the table. */
  create: z.boolean().default(false),
});

/** A slice is in memory, and its writes have to end within an invocation. */
const MOST_EVENTS = 10_000;

/**
 * Keeps the latest event of each key as an item of a DynamoDB table. Every write is conditional on its version, so
 * neither a repeat nor an older event changes anything. An event of a type that ends with `.deleted` leaves a
 * tombstone.
 */
export const dynamoDbDefinition = defineSink({
  options: Options,
  resources: Resources,
  into: (options, place) => ({ ...options, table: `${options.table}--${place}` }),
  doubles: () => false,
  mostEvents: () => MOST_EVENTS,
  open({ step, formerly, options, resources }): OpenSink {
    const { table: name, item, tombstoneDays } = options;
    const { tablePrefix, create } = resources;
    const of = { client: dynamoClient(), table: `${tablePrefix}${name}`, step, formerly, create };
    const { opened: keyName, recheck } = openedOnce({
      open: (signal) => openTable(of, signal),
      look: (signal) => keyNameOf(of, signal),
      changed: (known, now) =>
        new UserMistake(`the table ${of.table} was made anew with the key ${now} instead of ${known}`),
    });
    return {
      async write(slice) {
        const { client, table } = of;
        return writeItems(slice, { client, table, keyName, item, tombstoneDays, now: () => Date.now(), recheck });
      },
      generations: {
        highest: async (signal) => highestGeneration({ ...of, keyName: await keyName(signal) }, signal),
        next: async (above, signal) => nextGeneration({ ...of, keyName: await keyName(signal) }, above, signal),
      },
      isEmpty: async (signal) => isEmpty({ ...of, keyName: await keyNameOf(of, signal) }, signal),
    };
  },
});

/**
 * Keeps the latest event of each key in a DynamoDB table: `dynamoDbSink({ table: 'orders' })`. docs/connectors.md
 * explains every option, in the words of `Options`.
 */
export function dynamoDbSink(
  options: z.input<typeof Options>,
): Sink<unknown, 'either'> & { readonly connector: 'dynamodb' } {
  return {
    connector: 'dynamodb',
    entry: import.meta.url,
    options: parseOrExplain(Options, options, 'dynamoDbSink'),
    delivery: 'either',
  };
}

export const handler = sinkHandler(dynamoDbDefinition);
