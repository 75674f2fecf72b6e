import type { FaultRule } from '../kit/faults.ts';
import type { Resharding } from '../kit/resharding.ts';
import type { Disturbance, Poison, Redrive } from './cells.ts';
import type { Item, StreamName } from './chain.ts';

/** One action of a schedule. A schedule performs its actions one after the other. */
export type Action =
  | { readonly what: 'post'; readonly items: readonly Item[] }
  /** Drops a file; `broken` of its lines are not items. */
  | { readonly what: 'file'; readonly items: readonly Item[]; readonly broken: number }
  /** Another team's producer appends these items. */
  | { readonly what: 'foreign'; readonly items: readonly Item[] }
  /** Appends bytes that are not an event. */
  | { readonly what: 'bytes'; readonly stream: StreamName; readonly text: string }
  | { readonly what: 'pass'; readonly millis: number }
  | { readonly what: 'reshard'; readonly stream: StreamName; readonly how: Resharding }
  /** Adds a rule for faults, which holds from now on. */
  | { readonly what: 'fail'; readonly rule: FaultRule }
  | { readonly what: 'resume'; readonly step: string }
  /** Backs up the table of a sink, with its progress, or restores it. */
  | { readonly what: 'back up' | 'restore'; readonly step: 'ledger' }
  /** Another team's producer appends the poison events, and those that share their record. */
  | (Poison & { readonly items: readonly Item[] })
  | RedriveAction
  /** Waits until the step has processed everything, then deploys code or a table that rejects nothing. */
  | { readonly what: 'fix'; readonly step: Redrive['step'] }
  | Exclude<Disturbance, Poison | Redrive>;

/** `operators` operators at once redrive every dead letter, every second or every third (`every`). */
export type RedriveAction = Redrive & { readonly every: number; readonly operators: number };
