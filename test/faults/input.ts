import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letters.ts';
import type { Item, Refusing, StreamName } from './chain.ts';

/** All that was given to the chain and asked of it, as the oracle has to know it. */
export interface Input {
  /** The numbers of all items, from before they are sent. */
  readonly given: number[];
  /** By the log, or by a bucket that has the file. */
  readonly acknowledged: Item[];
  /** Of requests that were not answered with success: in the log or not, but once at most. */
  readonly unacknowledged: Item[];
  readonly undecodable: Readonly<Record<StreamName, string[]>>;
  readonly brokenLines: string[];
  files: number;
  /** What is turned may be turned as changed code does it. */
  isChanged: boolean;
  /**
   * The numbers of items that may be doubled where rows are appended, and out of order: what was in flight when changed
   * code was deployed in the middle of it, and what a transform was told to do again.
   */
  readonly mayDouble: Set<number>;
  /** Those that a transform had done before it was told to do all again: rows are appended for each time. */
  readonly mustDouble: Set<number>;
  /** Steps that refuse nothing any more. */
  readonly mended: Map<Refusing, Mended>;
  /** Dead letters that were redriven, by step. */
  readonly redriven: Map<Refusing, readonly DeadLetter[]>;
}

export interface Mended {
  /** The numbers of what was given before. */
  readonly before: ReadonlySet<number>;
  /** What of that was refused and came again then, as `textOf` gives it. */
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
    mended: new Map(),
    redriven: new Map(),
  };
}
