import type { Item, StreamName } from './chain.ts';

/** All that was given to the chain, as the oracle has to know it. */
export interface Input {
  /** By the log, or by a bucket that has the file. */
  readonly acknowledged: Item[];
  /** Of requests that were not answered with success: in the log or not, but once at most. */
  readonly unacknowledged: Item[];
  readonly undecodable: Readonly<Record<StreamName, string[]>>;
  readonly brokenLines: string[];
  files: number;
}

export function newInput(): Input {
  return {
    acknowledged: [],
    unacknowledged: [],
    undecodable: { raw: [], mid: [], end: [] },
    brokenLines: [],
    files: 0,
  };
}
