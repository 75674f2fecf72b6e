import type { Kept, KeptResource } from './kept.ts';

/** A stack's recorded resources, and those that it is about to have. */
export interface Compared {
  /** The file that has the records, for messages. */
  readonly file: string;
  readonly recorded: Kept;
  readonly next: Kept;
  /** Whether the context names a database or a network that exists, in place of the stage's own. */
  readonly surroundingsGiven: boolean;
}

/** What an update may not do, one message each: what would be replaced or left behind, and what to do instead. */
export function refusedChanges({ file, recorded, next, surroundingsGiven }: Compared): readonly string[] {
  return Object.entries(recorded).flatMap(([id, before]) => {
    const after = next[id];
    if (after === undefined || after.type !== before.type) {
      if (surroundingsGiven && /^AWS::(RDS|EC2)::/.test(before.type)) return [];
      return goneChanges({ file, id, before, next });
    }
    if (before.type === 'AWS::Lambda::EventSourceMapping') return mappingChanges(id, before, after);
    const shards = before.type === 'AWS::Kinesis::Stream' ? shardChanges(before, after) : [];
    return [...shards, ...replacingChanges(file, before, after)];
  });
}

/** A mapping that is gone takes nothing with it: positions are the steps' own. */
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
    `${what} would be left behind with what it holds: put it back; or, when it is to go, take ${id} out of ${file} ` +
      '(a new name makes a new, empty one: what is in the old one is not moved)',
  ];
}

function replacingChanges(file: string, before: KeptResource, after: KeptResource): readonly string[] {
  return changed(before, after)
    .filter((name) => name !== 'ShardCount')
    .map(
      (name) =>
        `${described(before)} would be replaced by an empty one: ${name} cannot be changed, and went from ` +
        `${shown(before.properties[name])} to ${shown(after.properties[name])}: put it back; or, when that is what you want, ` +
        `change it in ${file} too`,
    );
}

/** A mapping's start is its position until it has one: changing it makes a new mapping, which collides with the old. */
function mappingChanges(id: string, before: KeptResource, after: KeptResource): readonly string[] {
  const names = changed(before, after);
  const start = names.find((name) => name.startsWith('StartingPosition'));
  if (!names.includes('EventSourceArn')) {
    if (start === undefined) return [];
    return [
      `the mapping ${id} would be replaced, and a second one for the same function and stream is refused: ${start} went from ` +
        `${shown(before.properties[start])} to ${shown(after.properties[start])}: put the step's start back; ` +
        'millrace positions moves a step that runs',
    ];
  }
  if (after.properties.StartingPosition !== 'LATEST') return [];
  return [
    `the mapping ${id} would be replaced by one that starts at the latest event, and what the old one has not read yet would be ` +
      'left out: give the step a time to start at: what it has read already it drops',
  ];
}

/** UpdateShardCount at most doubles or halves at a time. */
function shardChanges(before: KeptResource, after: KeptResource): readonly string[] {
  const [from, to] = [Number(before.properties.ShardCount), Number(after.properties.ShardCount)];
  if (Number.isNaN(from) || Number.isNaN(to) || (to <= 2 * from && to >= from / 2)) return [];
  const steps = stepsBetween(from, to).join(', then ');
  return [
    `${described(before)} would go from ${from} to ${to} shards, and Kinesis at most doubles or halves them at a time: ` +
      `deploy it with ${steps}; record each with millrace kept`,
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
  // Between a number of shards and capacity on demand, neither replaces the stream.
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
