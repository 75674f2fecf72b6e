import type { StepCounts } from '../metrics.ts';
import type { KeptLog } from '../source.ts';
import type { PullState } from './pull-state.ts';

/** The metrics of what a database keeps for a source. None, when the source has not asked. */
export function metricsOfKept(kept: KeptLog | undefined): Pick<StepCounts, 'logKeptBytes' | 'logLeftMillis'> {
  if (kept === undefined) return {};
  const { bytes, leftMillis } = kept;
  return { logKeptBytes: bytes, ...(leftMillis === undefined ? {} : { logLeftMillis: leftMillis }) };
}

/** The part of the state that remembers it. */
export function stateOfKept(kept: KeptLog | undefined, nowMillis: number): Pick<PullState, 'kept'> {
  return kept === undefined ? {} : { kept: { ...kept, atMillis: nowMillis } };
}
