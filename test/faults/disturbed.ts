import { minutes } from '../../infra/pipelines/pipeline.ts';
import type { FaultRule } from '../kit/faults.ts';
import type { Disturbance, Killer, Redrive } from './cells.ts';
import { doubled, firstDeadly, type Item, isRefused, type Row, turnOf } from './chain.ts';
import type { Happening } from './happening.ts';

/** When it happens, and what makes it likely to do harm. */
export interface Disturbed {
  readonly before?: readonly Happening[];
  readonly among?: readonly Happening[];
  readonly after?: readonly Happening[];
  readonly faults?: readonly FaultRule[];
}

/** What is done in a schedule that a disturbance is part of. `below`: by chance. */
export function disturbedBy(disturbance: Disturbance, below: (count: number) => number): Disturbed {
  switch (disturbance.what) {
    case 'pause': {
      const resume = { what: 'resume', step: disturbance.step } as const;
      if (disturbance.step !== 'files') return { among: [disturbance], after: [resume] };
      // A file is half read, and its announcement comes again in the pause.
      const faults = [{ site: 'files kinesis.PutRecords', kind: 'killed after' }] as const;
      return { among: [disturbance], after: [{ what: 'pass', millis: minutes(35) }, resume], faults };
    }
    case 'deploy': {
      if (disturbance.when === 'paused') return { among: [disturbance] };
      // A part of a batch is in the log, and the rest is about to be sent.
      const after = below(4);
      const site = `${disturbance.step} kinesis.PutRecords`;
      const throttled = { site, kind: 'throttled', after } as const;
      // Often the code that has begun the batch is not the one that ends it.
      const killed = { site, kind: 'killed before', after: after + 1 } as const;
      const faults = below(3) === 0 ? [throttled] : [throttled, killed];
      return { before: [{ ...disturbance, after: after + 1 }], faults };
    }
    case 'killer':
      return { among: [{ ...disturbance, items: killersAmong(disturbance, below) }] };
    case 'redrive':
      return redriven(disturbance, below);
    case 'rewind':
      return { after: [...lateRows(below), { what: 'pass', millis: minutes(2) }, disturbance] };
    default:
      return { among: [disturbance] };
  }
}

/** There is something that the step refuses, and more of that comes while it is redriven. */
function redriven(disturbance: Redrive, below: (count: number) => number): Disturbed {
  const { step, mended } = disturbance;
  const items = (from: number, key: string): Item[] => [
    ...[0, 1, 2].map((place) => ({ n: refusedFrom(step, from + place * 150), key: `${key}-${place % 2}` })),
    { n: from + 143, key: `${key}-0` },
  ];
  const killer: Killer = { what: 'killer', step, among: 'others' };
  const killers = step === 'ledger' || below(2) === 0 ? [] : [{ ...killer, items: killersAmong(killer, below) }];
  return {
    among: [{ what: 'foreign', items: items(5_000, 'refused') }, ...killers],
    after: [
      mended ? { what: 'mend', step } : { what: 'pass', millis: minutes(1) },
      { what: 'foreign', items: items(6_000, 'later') },
      { ...disturbance, every: 1 + below(3), operators: below(4) === 0 ? 2 : 1 },
    ],
  };
}

/** The first number from there on of what the step refuses, and those before it do not. */
function refusedFrom(step: Redrive['step'], from: number): number {
  for (let n = from; ; n++) {
    const row: Row = { n, from: '', to: turnOf(n, false) };
    const comes = step === 'first' || (!isRefused('first', row) && doubled({ n, key: '' }).length > 0);
    if (comes && isRefused(step, row)) return n;
  }
}

/** One, or two, of one key: so that they come to a shard in one record with what is around them. */
function killersAmong({ step, among }: Killer, below: (count: number) => number): readonly Item[] {
  const key = `killer-${below(3)}`;
  const killers = Array.from({ length: step === 'ledger' ? 1 : 1 + below(2) }, (_, place) => ({
    n: deadly(step, below(40) + place * 50),
    key,
  }));
  if (among === 'nothing else') return killers.slice(0, 1);
  const others = Array.from({ length: 3 + below(4) }, (_, place): Item => ({ n: 4_000 + place, key }));
  const at = below(others.length);
  return [...others.slice(0, at), ...killers, ...others.slice(at)];
}

/** One that no step before drops or refuses: its number is 0 or 1 by 65. */
function deadly(step: Killer['step'], place: number): number {
  const from = firstDeadly(step) + place * 65;
  return from + (65 - (from % 65)) + (place % 2);
}

/** Rows of a few keys, and newer ones of the same keys, of which the older come again, late, behind the newer. */
function lateRows(below: (count: number) => number): readonly Happening[] {
  const items = (from: number): Item[] => [0, 1, 2, 3].map((place) => ({ n: from + place, key: `again-${place % 2}` }));
  return [
    { what: 'fail', rule: { site: 'second kinesis.PutRecords', kind: 'late', times: 2 + below(3) } },
    { what: 'foreign', items: items(3_000) },
    { what: 'pass', millis: 5_000 + below(5_000) },
    { what: 'foreign', items: items(3_010) },
  ];
}
