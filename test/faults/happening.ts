import type { FaultRule } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import type { Disturbance, Killer, Redrive } from './cells.ts';
import type { Item, StreamName } from './chain.ts';

/** What happens to the chain, one after the other. */
export type Happening =
  | { readonly what: 'post'; readonly items: readonly Item[] }
  /** A file; so many of its lines are no items. */
  | { readonly what: 'file'; readonly items: readonly Item[]; readonly broken: number }
  /** Another team's producer appends. */
  | { readonly what: 'foreign'; readonly items: readonly Item[] }
  /** Bytes that are no event. */
  | { readonly what: 'bytes'; readonly stream: StreamName; readonly text: string }
  | { readonly what: 'pass'; readonly millis: number }
  | { readonly what: 'reshard'; readonly stream: StreamName; readonly how: Resharding }
  /** From now on. */
  | { readonly what: 'fail'; readonly rule: FaultRule }
  | { readonly what: 'resume'; readonly step: string }
  /** Another team's producer appends the events that kill, and those that they come with. */
  | (Killer & { readonly items: readonly Item[] })
  | Asking
  /** The step is changed so that it refuses nothing any more, when it has done all there is. */
  | { readonly what: 'mend'; readonly step: Redrive['step'] }
  | Exclude<Disturbance, Killer | Redrive>;

/** So many operators at once redrive every first, second or third dead letter. */
export type Asking = Redrive & { readonly every: number; readonly operators: number };
