import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import type { Item, Refusing, StreamName } from './chain.ts';

/** Everything that was given to the chain and done to it, as far as the oracle has to know it. */
export interface Input {
  /** The numbers of all items, noted before they are sent. */
  readonly given: number[];
  /** Items that the log acknowledged, or the bucket that stores their file. */
  readonly acknowledged: Item[];
  /** Items of requests that did not succeed: each is in the log at most once. */
  readonly unacknowledged: Item[];
  readonly undecodable: Readonly<Record<StreamName, string[]>>;
  readonly brokenLines: string[];
  files: number;
  /** True once changed code was deployed: a turned row may then have either key. */
  isChanged: boolean;
  /**
   * The numbers of items that may be doubled and out of order where rows are appended: they were in flight when changed
   * code was deployed, or a transform was rewound.
   */
  readonly mayDouble: Set<number>;
  /** The numbers that a transform had processed before it was rewound to the start: their rows are appended twice. */
  readonly mustDouble: Set<number>;
  /** The steps that were fixed and reject nothing any more. */
  readonly fixed: Map<Refusing, Fixed>;
  /** Restores the backup of a table. */
  restore: () => void;
  /** The dead letters that were redriven, by step. */
  readonly redriven: Map<Refusing, readonly DeadLetter[]>;
}

export interface Fixed {
  /** The numbers that were given before the fix. */
  readonly before: ReadonlySet<number>;
  /** The rejected events that were redriven after the fix, as `textOf` writes them. */
  readonly redriven: Set<string>;
}

export function newInput(): Input {
  return {
    given: [],
    acknowledged: [],
    unacknowledged: [],
    undecodable: { raw: [], mid: [], end: [] },
    brokenLines: [],
    files: 0,
    isChanged: false,
    mayDouble: new Set(),
    mustDouble: new Set(),
    fixed: new Map(),
    restore: () => undefined,
    redriven: new Map(),
  };
}
