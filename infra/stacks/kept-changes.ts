import type { Kept, KeptResource } from './kept.ts';

/** The recorded resources of a stack, and those of the next deployment. */
export interface Compared {
  /** The file with the records, for messages. */
  readonly file: string;
  readonly recorded: Kept;
  readonly next: Kept;
  readonly stage: string;
  /** True when the context names an existing database or network, in place of the stage's own. */
  readonly surroundingsGiven: boolean;
}

/**
 * Lists the changes that are refused: each message says what would be replaced or left behind, and what to do instead.
 */
export function refusedChanges({ file, recorded, next, stage, surroundingsGiven }: Compared): readonly string[] {
  return Object.entries(recorded).flatMap(([id, before]) => {
    const after = next[id];
    if (after === undefined || after.type !== before.type) {
      if (surroundingsGiven && /^AWS::(RDS|EC2)::/.test(before.type)) return [];
      return goneChanges({ file, id, before, next });
    }
    if (before.type === 'AWS::Lambda::EventSourceMapping') return mappingChanges(id, before, after);
    const shards = before.type === 'AWS::Kinesis::Stream' ? shardChanges(stage, before, after) : [];
    return [...shards, ...replacingChanges(file, before, after)];
  });
}

/** Refuses to remove a resource. A mapping may be removed: it holds no data, because steps keep their own positions. */
function goneChanges(gone: {
  readonly file: string;
  readonly id: string;
  readonly before: KeptResource;
  readonly next: Kept;
}): readonly string[] {
  const { file, id, before, next } = gone;
  if (before.type === 'AWS::Lambda::EventSourceMapping') return [];
  const what = described(before);
  const moved = Object.entries(next).find(
    ([other, { type, properties }]) => other !== id && type === before.type && same(properties, before.properties),
  );
  if (moved !== undefined && nameOf(before) !== undefined) {
    return [
      `${what} would be created a second time, under the logical id ${moved[0]}, and its name is taken: ` +
        `put its construct back where its logical id was ${id}`,
    ];
  }
  return [
    `${what} would be left behind with its data: put it back; or, to give it up, take ${id} out of ${file} ` +
      '(a new name makes a new, empty one, and the data is not moved)',
  ];
}

function replacingChanges(file: string, before: KeptResource, after: KeptResource): readonly string[] {
  return changed(before, after)
    .filter((name) => name !== 'ShardCount' && !namesItsZone(name, before, after))
    .map(
      (name) =>
        `${described(before)} would be replaced by an empty one: ${name} cannot be changed, and went from ` +
        `${shown(before.properties[name])} to ${shown(after.properties[name])}: put it back; or, to replace it, ` +
        `change it in ${file} too`,
    );
}

/**
 * True when a subnet had the zone that AWS lists first, and now has one by its name. The record cannot say whether that
 * is the same zone. If it is another, EC2 rejects the new subnet, whose addresses are taken, and nothing is lost.
 */
function namesItsZone(name: string, before: KeptResource, after: KeptResource): boolean {
  return (
    name === 'AvailabilityZone' &&
    typeof before.properties[name] === 'object' &&
    typeof after.properties[name] === 'string'
  );
}

/** A mapping's start cannot be changed: that would make a new mapping, which collides with the old one. */
function mappingChanges(id: string, before: KeptResource, after: KeptResource): readonly string[] {
  const names = changed(before, after);
  const start = names.find((name) => name.startsWith('StartingPosition'));
  if (!names.includes('EventSourceArn')) {
    if (start === undefined) return [];
    return [
      `the mapping ${id} would be replaced, and Lambda refuses a second one for the same function and stream: ${start} went from ` +
        `${shown(before.properties[start])} to ${shown(after.properties[start])}: put the step's start back; ` +
        'millrace positions moves a running step',
    ];
  }
  if (after.properties.StartingPosition !== 'LATEST') return [];
  return [
    `the mapping ${id} would be replaced by one that starts at the latest event, which skips events that the old one has not ` +
      'read yet: give the step a time to start at; it drops the events that it has already processed',
  ];
}

/** Refuses to more than double or halve a stream, which UpdateShardCount cannot do in one call. */
function shardChanges(stage: string, before: KeptResource, after: KeptResource): readonly string[] {
  const [from, to] = [Number(before.properties.ShardCount), Number(after.properties.ShardCount)];
  if (Number.isNaN(from) || Number.isNaN(to) || (to <= 2 * from && to >= from / 2)) return [];
  const steps = stepsBetween(from, to).join(', then ');
  return [
    `${described(before)} would go from ${from} to ${to} shards, and Kinesis at most doubles or halves their number at a time: ` +
      `deploy it with ${steps}; record each with millrace kept --stage ${stage}; or, if this stage is new or has ${to} already, ` +
      'only record that',
  ];
}

function stepsBetween(from: number, to: number): readonly number[] {
  const steps: number[] = [];
  for (let at = from; at !== to; ) {
    at = to > at ? Math.min(to, 2 * at) : Math.max(to, Math.ceil(at / 2));
    steps.push(at);
  }
  return steps;
}

function changed(before: KeptResource, after: KeptResource): readonly string[] {
  const names = new Set([...Object.keys(before.properties), ...Object.keys(after.properties)]);
  // A change between a number of shards and on-demand capacity does not replace the stream.
  return [...names].filter((name) => !same(before.properties[name], after.properties[name]));
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function described(resource: KeptResource): string {
  return `${resource.type} ${shown(nameOf(resource) ?? Object.values(resource.properties)[0])}`;
}

const NAMES = ['Name', 'BucketName', 'TableName', 'DBInstanceIdentifier', 'QueueName'];

function nameOf({ properties }: KeptResource): unknown {
  return NAMES.map((name) => properties[name]).find((name) => name !== undefined);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value ?? 'nothing');
}
