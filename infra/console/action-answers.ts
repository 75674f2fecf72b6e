import type { ShownBytes } from './answers.ts';

/** What an action has done, for people. */
export interface DoneAnswer {
  readonly said: string;
}

/** An answer of `/api/moves/<pipeline>/<step>`: what a move would do. */
export interface MoveAnswer {
  readonly shards: readonly MovedShard[];
  /** Every shard is at that position already. */
  readonly isThere: boolean;
  /** The same move was asked for before, and is unfinished. */
  readonly continues: boolean;
  /** The number of the last move: a later one by somebody else is an error then. */
  readonly seen: number;
  /** The step is a table, which is made again of its whole log. */
  readonly remakes: boolean;
  /** Why the step cannot be moved so. */
  readonly refused?: string;
  /** The sinks and tables that would get duplicates. */
  readonly doubles?: readonly string[];
}

export interface MovedShard {
  readonly shard: string;
  readonly from?: { readonly sequenceNumber: string; readonly time?: string };
  readonly to?: { readonly sequenceNumber: string; readonly time?: string };
  readonly does: 'replays' | 'skips' | 'nothing';
  readonly events: number;
  readonly andMore?: true;
}

/**
 * What a step makes of an event with other data. `fits`: the step is a sink or a table, and the data fits its schema.
 */
export type TriedAnswer =
  | { readonly outcome: 'refused'; readonly why: string }
  | { readonly outcome: 'fits' }
  | {
      readonly outcome: 'made';
      readonly count: number;
      readonly outputs: readonly {
        readonly type: string;
        readonly key: string;
        readonly time: string;
        readonly data: ShownBytes;
      }[];
    };
