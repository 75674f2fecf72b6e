import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { httpHandler } from '../../runtime/aws/http.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { type DeclaredField, declaredFields, undeclaredField } from '../../runtime/json/declared-fields.ts';
import { checkerOf, type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { pullHandler } from '../../runtime/pull-handler.ts';
import { defineSource, type PulledSource, type Source } from '../../runtime/source.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import type { Login } from './broker.ts';
import { levelOf } from './message-event.ts';
import { MessagePosition, readMessages } from './read-messages.ts';
import { filterFault } from './topic-filter.ts';

/** Stands for the account's own broker on AWS, and for one on this machine in `millrace dev`. */
export const IOT_CORE = 'iot-core';

const Broker = z
  .string()
  .regex(/^(mqtts?:\/\/[^/]+|iot-core)$/, "is mqtts://<host>:<port>, mqtt://<host>:<port> without TLS, or 'iot-core'");
const Part = z.string().min(1);

const Options = z.strictObject({
  broker: Broker.describe(
    "The address of the broker: `mqtts://broker.example.com:8883`, or `mqtt://…` without TLS. `'iot-core'`: AWS IoT Core, whose topic rule feeds the stream without a function.",
  ),
  topic: z
    .string()
    .superRefine((topic, context) => {
      const fault = filterFault(topic);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    })
    .describe('The topic filter: `plants/+/sensors/#`. `+` stands for one level, `#` for all that follow.'),
  schema: z.record(z.string(), z.unknown()).meta({
    writtenAs: 'a zod schema',
    description: 'What the JSON of a message must fit. A message that does not fit is a dead letter.',
  }),
  type: z.string().min(1).describe("The events' `type`, in the past tense: `reading.sent`."),
  key: z.union([Part, z.array(Part).min(1)]).meta({
    writtenAs: "a field of `schema`, `'topic(2)'`, or a list of them",
    description:
      "What becomes the event's key: the value of a field, or a level of the topic, from 1. A list is joined by `/`: `['topic(2)', 'sensor_id']`.",
  }),
  time: z.string().min(1).optional().meta({
    writtenAs: 'a field of `schema`',
    otherwise: 'the time at which the message came',
    description: 'The field that says when the event happened.',
  }),
  device: Part.optional().meta({
    writtenAs: "a field of `schema`, or `'topic(2)'`",
    otherwise: 'messages are not told apart',
    description:
      "Who sent the message. With `number` it becomes the event's `source` and `sequence`, and a stream that is `idempotent` drops what the broker delivers twice.",
  }),
  number: z.string().min(1).optional().meta({
    writtenAs: 'a field of `schema`',
    otherwise: 'messages are not told apart',
    description: 'The number that a device gives its messages: a whole number that grows.',
  }),
  clientId: z.string().min(1).max(65_535).optional().meta({
    otherwise: '`millrace-<pipeline>-<step>`',
    description: 'The name under which the broker keeps the session. Stages that use one broker need different names.',
  }),
  username: z.string().min(1).optional().meta({
    otherwise: 'no login',
    description:
      'The user at the broker. The deployment creates a secret for the step: put the password there as its whole text.',
  }),
});

const Resources = z.strictObject({
  /** The address on a laptop, instead of that in the options. */
  broker: Broker.optional(),
  /** The ARN of the secret with the password, as its whole text. */
  passwordSecret: z.string().min(1).optional(),
});

/**
 * Reads the messages of a topic filter from an MQTT broker that keeps the session of the source. A message is
 * acknowledged when it is in the log.
 */
export const mqttDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ step, options, resources }): PulledSource<MessagePosition> {
    const { broker, topic, schema, type, key, time, device, number, clientId, username } = options;
    const login = async (): Promise<Login> => ({
      url: resources.broker ?? broker,
      clientId: clientId ?? `millrace-${step.replaceAll('/', '-')}`,
      username: resources.broker === undefined ? username : undefined,
      password: await passwordIn(resources.passwordSecret),
    });
    const shape = {
      type,
      key: typeof key === 'string' ? [key] : key,
      time,
      device,
      number,
      check: checkerOf(schema as WireSchema),
    };
    return {
      position: MessagePosition,
      read: (from, turn) => readMessages({ login, topic, shape, now: Date.now }, from, turn),
    };
  },
});

async function passwordIn(secret: string | undefined): Promise<string | undefined> {
  if (secret === undefined) return undefined;
  const client = new SecretsManagerClient({ requestHandler: httpHandler({ requestMillis: 5_000 }) });
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secret }));
  client.destroy();
  if (!SecretString)
    throw new UserMistake(`the secret ${secret} has no text: store the broker's password as its whole text`);
  return SecretString;
}

/** A field, or a level of the topic. */
type PartOf<W> = DeclaredField<W> | `topic(${number})`;

/**
 * Reads messages of devices: `mqttSource({ broker: 'mqtts://broker.example.com:8883', topic: 'plants/+/readings',
 * schema: Reading, type: 'reading.sent', key: 'topic(2)' })`. docs/connectors.md explains every option, in the words of
 * `Options`.
 */
export function mqttSource<I, W>(
  options: Readonly<Pick<z.input<typeof Options>, 'broker' | 'topic' | 'type' | 'clientId' | 'username'>> & {
    readonly schema: z.ZodType<I, W>;
    readonly key: PartOf<W> | readonly PartOf<W>[];
    readonly time?: DeclaredField<W>;
    readonly device?: PartOf<W>;
    readonly number?: DeclaredField<W>;
  },
): Source<W> & { readonly connector: 'mqtt' } {
  const schema = wireSchemaOf(options.schema, 'mqttSource');
  const checked = parseOrExplain(Options, { ...options, schema }, 'mqttSource');
  checkParts(checked, schema);
  return { connector: 'mqtt', entry: import.meta.url, options: checked };
}

function checkParts(options: z.output<typeof Options>, schema: WireSchema): void {
  const { broker, topic, key, time, device, number, clientId, username } = options;
  const declared = declaredFields(schema) ?? new Set<string>();
  const levels = topic.endsWith('#') ? Number.POSITIVE_INFINITY : topic.split('/').length;
  const parts: readonly (readonly [option: string, part: string | undefined])[] = [
    ...[key].flat().map((part) => ['key', part] as const),
    ['device', device],
  ];
  const wrong = [
    ...parts.map(([option, part]) => {
      const level = part === undefined ? undefined : levelOf(part);
      if (level === undefined) return undeclaredField(option, part, declared);
      return level >= 1 && level <= levels
        ? undefined
        : `${option} is '${part}', and the topic '${topic}' has ${levels} levels`;
    }),
    undeclaredField('time', time, declared),
    undeclaredField('number', number, declared),
    (device === undefined) === (number === undefined)
      ? undefined
      : "give 'device' and 'number' together, or none of them",
    broker === IOT_CORE && (clientId ?? username) !== undefined
      ? "clientId and username are for a broker of your own, not for 'iot-core': remove them"
      : undefined,
  ].find((one) => one !== undefined);
  if (wrong !== undefined) throw new UserMistake(`mqttSource: ${wrong}`);
}

export const handler = pullHandler(mqttDefinition);
