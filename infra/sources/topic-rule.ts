import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { declaredFields } from '../../functions/runtime/json/declared-fields.ts';
import type { WireSchema } from '../../functions/runtime/json/wire-schema.ts';
import { levelOf, type Part } from '../../functions/sources/mqtt/message-event.ts';
import { IOT_CORE } from '../../functions/sources/mqtt/mqtt.ts';
import type { SourcePlan, StepPlan } from '../pipelines/plan.ts';

/** What a topic rule of AWS IoT Core says. */
export interface TopicRule {
  readonly sql: string;
  /** The partition key of the record, as a substitution template. */
  readonly partitionKey: string;
}

const Options = z.object({
  broker: z.string(),
  topic: z.string(),
  schema: z.record(z.string(), z.unknown()),
  type: z.string(),
  key: z.union([z.string(), z.array(z.string())]),
  time: z.string().optional(),
  device: z.string().optional(),
  number: z.string().optional(),
});

/** Tells whether AWS IoT Core feeds a source: it has no function on AWS then. */
export function isFedByRule(step: StepPlan): boolean {
  return step.kind === 'source' && step.connector === 'mqtt' && Options.parse(step.options).broker === IOT_CORE;
}

/**
 * Returns the rule that makes the events which the source makes on a laptop: CloudEvents whose data has the fields that
 * the schema declares. Throws a `UserMistake` for a name that a rule has no way to write.
 */
export function topicRuleOf({ pipeline, name, options }: SourcePlan): TopicRule {
  const { topic, schema, type, key, time, device, number } = Options.parse(options);
  const field = (one: string): string => {
    if (/^[A-Za-z_]\w*$/.test(one)) return one;
    throw new UserMistake(
      `step '${pipeline}/${name}': a topic rule cannot read the field '${one}': rename it, to letters, digits and _`,
    );
  };
  const part = (one: Part): string => {
    const level = levelOf(one);
    return level === undefined ? field(one) : `topic(${level})`;
  };
  const keys = typeof key === 'string' ? [key] : key;
  const fields = [...(declaredFields(schema as WireSchema) ?? [])].map((one) => `'${one}': ${field(one)}`);
  const attributes = [
    `'1.0' AS specversion`,
    'newuuid() AS id',
    `${textOf(type)} AS type`,
    `concat('mqtt:', ${device === undefined ? 'topic()' : part(device)}) AS source`,
    ...(number === undefined ? [] : [`cast(${field(number)} AS String) AS sequence`]),
    `${keys.length === 1 ? part(keys[0] ?? '') : `concat(${keys.map(part).join(`, '/', `)})`} AS partitionkey`,
    `${time === undefined ? `parse_time("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", timestamp())` : field(time)} AS time`,
    `{${fields.join(', ')}} AS data`,
  ];
  return {
    sql: `SELECT ${attributes.join(', ')} FROM ${textOf(topic)}`,
    partitionKey: keys.map((one) => `\${${part(one)}}`).join('/'),
  };
}

function textOf(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
