import { minutes } from '../../infra/pipelines/pipeline.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Action } from './action.ts';
import type { Disturbance, Poison, Redrive } from './cells.ts';
import { doubled, firstDeadly, type Item, isRefused, type Row, turnOf } from './chain.ts';

/** The actions of a disturbance, by when they are performed, and faults that make it likely to do harm. */
export interface Disturbed {
  readonly before?: readonly Action[];
  readonly among?: readonly Action[];
  readonly after?: readonly Action[];
  readonly faults?: readonly FaultRule[];
}

/**
 * Returns the actions and faults that a disturbance adds to a schedule. `below` returns a random number below its
 * argument.
 */
export function disturbedBy(disturbance: Disturbance, below: (count: number) => number): Disturbed {
  switch (disturbance.what) {
    case 'pause': {
      const resume = { what: 'resume', step: disturbance.step } as const;
      if (disturbance.step !== 'files') return { among: [disturbance], after: [resume] };
      // Leaves a file half read, so that SQS delivers its announcement again during the pause.
      const faults = [{ site: 'files kinesis.PutRecords', kind: 'killed after' }] as const;
      return { among: [disturbance], after: [{ what: 'pass', millis: minutes(35) }, resume], faults };
    }
    case 'deploy': {
      if (disturbance.when === 'paused') return { among: [disturbance] };
      // A part of the batch is in the log, and the rest is about to be sent.
      const after = below(4);
      const site = `${disturbance.step} kinesis.PutRecords`;
      const throttled = { site, kind: 'throttled', after } as const;
      // Often the old code begins the batch and the new code finishes it.
      const killed = { site, kind: 'killed before', after: after + 1 } as const;
      const faults = below(3) === 0 ? [throttled] : [throttled, killed];
      return { before: [{ ...disturbance, after: after + 1 }], faults };
    }
    case 'poison':
      return { among: [{ ...disturbance, items: poisonAmong(disturbance, below) }] };
    case 'redrive':
      return redriven(disturbance, below);
    case 'rewind':
      return { after: [...lateRows(below), { what: 'pass', millis: minutes(2) }, disturbance] };
    default:
      return { among: [disturbance] };
  }
}

/** Gives the step events that it rejects, and more of them while an operator redrives the first ones. */
function redriven(disturbance: Redrive, below: (count: number) => number): Disturbed {
  const { step, fixed } = disturbance;
  const items = (from: number, key: string): Item[] => [
    ...[0, 1, 2].map((index) => ({ n: refusedFrom(step, from + index * 150), key: `${key}-${index % 2}` })),
    { n: from + 143, key: `${key}-0` },
  ];
  const killer: Poison = { what: 'poison', step, among: 'others' };
  const killers = step === 'ledger' || below(2) === 0 ? [] : [{ ...killer, items: poisonAmong(killer, below) }];
  return {
    among: [{ what: 'foreign', items: items(5_000, 'refused') }, ...killers],
    after: [
      fixed ? { what: 'fix', step } : { what: 'pass', millis: minutes(1) },
      { what: 'foreign', items: items(6_000, 'later') },
      { ...disturbance, every: 1 + below(3), operators: below(4) === 0 ? 2 : 1 },
    ],
  };
}

/** Finds the first number, from `from` on, that this step rejects and no step before it. */
function refusedFrom(step: Redrive['step'], from: number): number {
  for (let n = from; ; n++) {
    const row: Row = { n, from: '', to: turnOf(n, false) };
    const comes = step === 'first' || (!isRefused('first', row) && doubled({ n, key: '' }).length > 0);
    if (comes && isRefused(step, row)) return n;
  }
}

/**
 * Returns one or two poison items among others, or alone one or four: before the fourth in a row a step waits. All have
 * one key, so that they share a shard and a record.
 */
function poisonAmong({ step, among }: Poison, below: (count: number) => number): readonly Item[] {
  const key = `killer-${below(3)}`;
  const killers = Array.from({ length: step === 'ledger' ? 1 : 1 + below(2) }, (_, index) => ({
    n: deadly(step, below(40) + index * 50),
    key,
  }));
  if (among === 'nothing else') return killers.length === 1 ? killers : fourFrom(killers[0] as Item);
  const others = Array.from({ length: 3 + below(4) }, (_, index): Item => ({ n: 4_000 + index, key }));
  const at = below(others.length);
  return [...others.slice(0, at), ...killers, ...others.slice(at)];
}

/** Every 65th number has the same fate. */
function fourFrom({ n, key }: Item): readonly Item[] {
  return [0, 1, 2, 3].map((index) => ({ n: n + index * 650, key }));
}

/** Returns a number that kills this step and that no step before it drops or rejects: 0 or 1 modulo 65. */
function deadly(step: Poison['step'], index: number): number {
  const from = firstDeadly(step) + index * 65;
  return from + (65 - (from % 65)) + (index % 2);
}

/**
 * Appends rows of a few keys and newer rows of the same keys. Late requests append the older rows again, after the
 * newer.
 */
function lateRows(below: (count: number) => number): readonly Action[] {
  const items = (from: number): Item[] => [0, 1, 2, 3].map((index) => ({ n: from + index, key: `again-${index % 2}` }));
  return [
    { what: 'fail', rule: { site: 'second kinesis.PutRecords', kind: 'late', times: 2 + below(3) } },
    { what: 'foreign', items: items(3_000) },
    { what: 'pass', millis: 5_000 + below(5_000) },
    { what: 'foreign', items: items(3_010) },
  ];
}
