import type { World } from './world.ts';

/** A split of one shard in two, or a merge of two neighbours. */
export type Resharding = 'split' | 'merge';

/**
 * Splits or merges a random shard of the stream, and resolves when the change is in effect. Call this while the clock
 * moves.
 */
export async function reshardSomewhere(world: World, stream: string, how: Resharding): Promise<void> {
  const { streams } = world.stage;
  const random = world.randomOf(`resharding ${stream} at ${world.clock.now()}`);
  while (streams.log.describeStreamSummary({ StreamName: stream }).StreamDescriptionSummary?.StreamStatus !== 'ACTIVE')
    await world.clock.sleep(LOOK_MILLIS);
  await change(world, stream, { how, random });
  await world.clock.sleep(IN_EFFECT_MILLIS);
  streams.shards(stream);
}

/** Longer than the emulated log takes to reshard. */
const IN_EFFECT_MILLIS = 200;
const LOOK_MILLIS = 20;

async function change(
  world: World,
  stream: string,
  { how, random }: { readonly how: Resharding; readonly random: () => number },
): Promise<void> {
  const { log } = world.stage.streams;
  const open = openShards(world, stream);
  const index = Math.floor(random() * (how === 'split' ? open.length : open.length - 1));
  const [shard, neighbour] = open.slice(index);
  if (shard === undefined) throw new Error(`${stream} has no open shard`);
  if (how === 'merge' && neighbour !== undefined) {
    log.mergeShards({ StreamName: stream, ShardToMerge: shard.id, AdjacentShardToMerge: neighbour.id });
    return;
  }
  const NewStartingHashKey = String((shard.from + shard.to) / 2n);
  log.splitShard({ StreamName: stream, ShardToSplit: shard.id, NewStartingHashKey });
  // A single shard has to be split before it has a neighbour to merge with.
  if (how === 'split') return;
  await world.clock.sleep(IN_EFFECT_MILLIS);
  await change(world, stream, { how, random });
}

function openShards({ stage }: World, stream: string) {
  return stage.streams
    .shards(stream)
    .filter(({ open }) => open)
    .sort((a, b) => (a.from < b.from ? -1 : 1));
}
