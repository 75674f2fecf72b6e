import type { Ancestor, LoadedState } from '../checkpoints/shard-states.ts';
import { encodeState } from '../checkpoints/step-state.ts';
import { UserMistake } from '../errors.ts';
import { schemaAttribute } from '../event.ts';
import type { PackedEvents } from '../log/shard-queues.ts';
import type { OutboxProgress, Publication } from '../sink.ts';
import type { Step } from '../step.ts';
import { type HighestRevisions, openHighest } from './highest.ts';
import { decodePage, encodePage, finished, type Page } from './page.ts';

/** A shard of the step's input, and its state as it was loaded or committed. */
export interface OutboxShard {
  readonly key: string;
  /** Returns the keys of a shard's parents. */
  readonly parentsOf: (key: string) => readonly string[];
  readonly loaded: LoadedState;
}

/**
 * Publishes what a step commits with its position, exactly once for readers.
 *
 * Events are never appended before the commit of the position: a retry may cut its slice otherwise, and make other
 * events. A page is replaced only by a process that has seen the log acknowledge it. A process gets a shard from the
 * database, and then appends its page first, or the process has committed and appended the last page itself.
 */
export interface Outbox {
  readonly highest: HighestRevisions;
  /**
   * Appends what earlier commits have left: the page of the shard, and of a shard that begins those of its parents.
   * Call this for every state that was loaded, before anything is done with the shard, and before its batch is
   * acknowledged. Resolves to the state, whose page is in the log.
   */
  settle(shard: OutboxShard, signal: AbortSignal): Promise<LoadedState>;
  /** Makes the page of a slice, and what the sink commits of it. `revision` is that of the commit. */
  prepare(shard: OutboxShard, events: readonly Publication[], revision: number): Prepared;
  /** Appends the page after its commit. */
  append(shard: OutboxShard, prepared: Prepared, signal: AbortSignal): Promise<void>;
}

/** A page before its commit. */
export interface Prepared {
  readonly revision: number;
  readonly page: Page;
  readonly packed: PackedEvents | undefined;
  /** The bytes of its events before the compression. */
  readonly size: number;
  readonly progress: OutboxProgress;
}

/** Opens the outbox of a step. `version`: see `SinkDefinition.publishes`. */
export function openOutbox(step: Step, version: string): Outbox {
  const { writer, name, checkpoints } = step;
  if (writer === undefined) throw new UserMistake(`step '${name}' publishes to no stream: STEP_CONFIG has no output`);
  const highest = openHighest(checkpoints, name);
  const dataSchema = schemaAttribute(step.config.versions?.writes);
  const ended = new Set<string>();

  const append = async (page: Page, signal: AbortSignal, packed?: PackedEvents): Promise<void> => {
    const [refused] = (await writer.append(page, signal, packed)).refused;
    if (refused !== undefined)
      throw new Error(
        `an event of ${refused.size} bytes is above the ${refused.limit} bytes of a record of the change stream: raise the stream's maximum record size`,
      );
  };

  /** A shard that has begun has closed those that it follows, and their pages were in the log before that. */
  const endAncestors = async ({ key, parentsOf }: Omit<OutboxShard, 'loaded'>, signal: AbortSignal): Promise<void> => {
    if (ended.has(key)) return;
    for (const parent of parentsOf(key)) {
      // One that has published has ended its own ancestors before.
      const hasPublished = await highest.end(parent, signal);
      if (!hasPublished) await endAncestors({ key: parent, parentsOf }, signal);
    }
    ended.add(key);
  };

  return {
    highest,
    async settle(shard, signal) {
      const { key, loaded } = shard;
      const { page, ...settled } = loaded;
      for (const ancestor of openOf(loaded)) {
        if (ancestor.page !== undefined) await append(decodePage(ancestor.page), signal);
      }
      if (page === undefined) return settled;
      await endAncestors(shard, signal);
      if (loaded.revision > 0) await highest.raise(key, loaded.revision, signal);
      await append(decodePage(page), signal);
      return settled;
    },
    prepare({ key, loaded }, events, revision) {
      const page = finished(events, { source: `/${name}/${key}/${version}`, revision, dataSchema });
      const { bytes, packed, size = 0 } = encodePage(page) ?? {};
      return { revision, page, packed, size, progress: { page: bytes, closes: openOf(loaded).map(closed) } };
    },
    async append(shard, { revision, page, packed }, signal) {
      await endAncestors(shard, signal);
      if (page.length === 0) return;
      await highest.raise(shard.key, revision, signal);
      await append(page, signal, packed);
    },
  };
}

/** Lists the ancestors that nobody has closed. What a closed one has published is in the log. */
function openOf({ ancestors = [] }: LoadedState): readonly Ancestor[] {
  return ancestors.filter(({ state }) => state.ended !== true);
}

function closed({ key, revision, state }: Ancestor): OutboxProgress['closes'][number] {
  return { shard: key, previous: revision, revision: revision + 1, state: encodeState({ ...state, ended: true }) };
}
