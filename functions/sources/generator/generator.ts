import { z } from 'zod';
import { checkSourceFields, type DeclaredField } from '../../runtime/json/declared-fields.ts';
import { type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { pullHandler } from '../../runtime/pull-handler.ts';
import { defineSource, type PulledSource, type Source } from '../../runtime/source.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { checkPlan, eventMaker } from './make-event.ts';
import { GeneratorPosition, readEvents } from './read-events.ts';

const Options = z.strictObject({
  schema: z.record(z.string(), z.unknown()).meta({
    writtenAs: 'a zod schema',
    description:
      'What the data of the events fits. Texts, numbers, dates, lists and objects are made by its rules; a field with a pattern needs `values`. A schema that no data can be made for is an error when the pipeline is loaded.',
  }),
  type: z.string().min(1).describe('The `type` of the events, in the past tense: `reading.sent`.'),
  key: z.string().min(1).meta({
    writtenAs: 'a field of `schema`',
    description: "The field whose value becomes the event's key.",
  }),
  time: z.string().min(1).optional().meta({
    writtenAs: 'a field of `schema`',
    otherwise: 'no field',
    description: "The field that gets the event's time.",
  }),
  perSecond: z.number().positive().max(100_000).describe('How many events are due in a second.'),
  seed: z.int().default(1).describe('Another seed makes other events. The same seed makes the same data.'),
  keys: z.int().min(1).max(1_000_000).default(1_000).describe('How many different keys there are.'),
  skew: z
    .number()
    .min(0)
    .max(5)
    .default(1)
    .describe(
      'How unequal the keys are (Zipf): the nth key is 1 / n ^ `skew` times as frequent as the first. 0: all are equally frequent.',
    ),
  bad: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'The share of events whose data does not fit the schema: a field is missing or has another type. They go into the stream, so that you see what the steps behind it do with them.',
    ),
  count: z.int().min(1).optional().meta({
    otherwise: 'no end',
    description: 'How many events are made in all.',
  }),
  values: z.record(z.string(), z.array(z.unknown()).min(1)).default({}).meta({
    writtenAs: 'lists by field',
    description:
      "Values to choose from, by the name of a field: `values: { weather: ['sun', 'rain'] }`. Examples in the schema (`.meta({ examples: […] })`) count too.",
  }),
});

/**
 * Makes events that fit a schema, at a rate: for demos, load tests and a first look. The same seed makes the same
 * events, whatever crashes in between.
 */
export const generatorDefinition = defineSource({
  options: Options,
  resources: z.strictObject({}),
  open({ options }): PulledSource<GeneratorPosition> {
    const { perSecond, count, ...plan } = options;
    const make = eventMaker({ ...plan, schema: plan.schema as WireSchema });
    const pace = { perSecond, count, now: Date.now };
    return {
      position: GeneratorPosition,
      read: (from, turn) => readEvents(make, { pace, from, turn }),
    };
  },
});

/**
 * Makes events: `generatorSource({ schema: RawReading, type: 'reading.sent', key: 'sensor_id', perSecond: 100 })`.
 * docs/connectors.md explains every option, in the words of `Options`.
 */
export function generatorSource<I, W>(
  options: Readonly<Omit<z.input<typeof Options>, 'schema' | 'key' | 'time' | 'values'>> & {
    readonly schema: z.ZodType<I, W>;
    readonly key: DeclaredField<W>;
    readonly time?: DeclaredField<W>;
    readonly values?: { readonly [F in DeclaredField<W>]?: readonly unknown[] };
  },
): Source<W> & { readonly connector: 'generator' } {
  const schema = wireSchemaOf(options.schema, 'generatorSource');
  checkSourceFields('generatorSource', schema, options);
  const values = { ...examplesIn(options.schema), ...options.values };
  const checked = parseOrExplain(Options, { ...options, schema, values }, 'generatorSource');
  checkPlan({ ...checked, schema }, 'generatorSource');
  return { connector: 'generator', entry: import.meta.url, options: checked };
}

/** Returns the examples that a schema gives for its fields. */
function examplesIn(schema: z.ZodType): Readonly<Record<string, readonly unknown[]>> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, field]) => {
      const examples = typeof field === 'object' ? field.examples : undefined;
      return Array.isArray(examples) && examples.length > 0 ? [[name, examples]] : [];
    }),
  );
}

export const handler = pullHandler(generatorDefinition);
