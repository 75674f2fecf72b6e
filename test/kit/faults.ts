/** Kinds of faults of one call that a step makes to a service. */
export const faultKinds = [
  /** The connection breaks before the request arrives. */
  'request lost',
  /** The request is carried out, but the reply is lost: the client times out. */
  'reply lost',
  /** The service throttles the request. A PutRecords call may have some of its records accepted. */
  'throttled',
  /** The client times out, and the request is carried out up to two minutes later. */
  'late',
  /** The process dies before it sends the request. */
  'killed before',
  /** The process dies after it has sent the request, which is carried out up to two minutes later. */
  'killed in between',
  /** The process dies after the request was carried out, before it gets the reply. */
  'killed after',
  /**
   * The process stands still for minutes before it sends the request. Its caller loses the connection and invokes
   * another process.
   */
  'overtaken',
  /** The process stands still before it sends the request, until Lambda ends it at its time limit. */
  'timed out',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Kinds that end a process, or make Lambda invoke another process beside it. */
const deadly: ReadonlySet<FaultKind> = new Set([
  'killed before',
  'killed after',
  'killed in between',
  'overtaken',
  'late',
  'timed out',
]);

/** A rule for calls to fail. It is plain data, so that a failing run can be kept and shrunk. */
export interface FaultRule {
  /**
   * `<step> <service>.<operation>`, or a beginning of it: `cleaning`, `cleaning kinesis`, `cleaning
   * kinesis.PutRecords`.
   */
  readonly site: string;
  readonly kind: FaultKind;
  /** How many calls fail: 1 by default. */
  readonly times?: number;
  /** How many calls succeed first: 0 by default. */
  readonly after?: number;
}

/** Random faults at any call. */
export interface RandomFaults {
  readonly kinds: readonly FaultKind[];
  /** The probability that a call fails, from 0 to 1. */
  readonly probability: number;
  /** How many calls fail at most. */
  readonly most: number;
  readonly random: () => number;
}

/** A fault that has happened. The rule `{ site, kind, after: call - 1 }` repeats it in the same run. */
export interface Fault {
  readonly site: string;
  readonly kind: FaultKind;
  /** The call's number at its site, from 1. */
  readonly call: number;
}

export interface Faults {
  /**
   * Call this once for each call, with its whole site. Returns the fault of the call, or undefined when it succeeds.
   */
  next(site: string, process?: { readonly isSpared: boolean }): FaultKind | undefined;
  /** Adds a rule, which holds until it is used up. Call the returned function to remove it. */
  add(rule: FaultRule): () => void;
  addRandom(faults: RandomFaults): void;
  /** Performs an action during the call at the site that follows `after` others. The call waits until it is done. */
  meanwhile(at: Pick<FaultRule, 'site' | 'after'>, action: (site: string) => Promise<void>): void;
  /** Call this once for each call, before `next`. Returns a function that performs the actions due during the call. */
  dueMeanwhile(site: string): () => Promise<void>;
  /** Returns the faults so far, in their order. */
  happened(): readonly Fault[];
  /** Returns the number of calls so far at each site. */
  calls(): ReadonlyMap<string, number>;
}

/** Decides which calls fail. It knows nothing about the services: a call site is a text. */
export function openFaults(): Faults {
  const calls = new Map<string, number>();
  const happened: Fault[] = [];
  const chances: (RandomFaults & { left: number })[] = [];
  const actions: { readonly site: string; skip: number; readonly action: (site: string) => Promise<void> }[] = [];
  let rules: (FaultRule & { skip: number; left: number })[] = [];

  function byRule(site: string, isSpared: boolean): FaultKind | undefined {
    let kind: FaultKind | undefined;
    for (const rule of rules.filter((one) => covers(one.site, site))) {
      if (rule.skip > 0) rule.skip--;
      else if (kind === undefined && !(isSpared && deadly.has(rule.kind))) {
        rule.left--;
        kind = rule.kind;
      }
    }
    rules = rules.filter(({ left }) => left > 0);
    return kind;
  }

  function byChance(isSpared: boolean): FaultKind | undefined {
    for (const chance of chances) {
      if (chance.left === 0 || chance.random() >= chance.probability) continue;
      const kind = chance.kinds[Math.floor(chance.random() * chance.kinds.length)];
      if (isSpared && kind !== undefined && deadly.has(kind)) continue;
      chance.left--;
      return kind;
    }
    return undefined;
  }

  return {
    next(site, { isSpared } = { isSpared: false }) {
      const call = (calls.get(site) ?? 0) + 1;
      calls.set(site, call);
      const kind = byRule(site, isSpared) ?? byChance(isSpared);
      if (kind !== undefined) happened.push({ site, kind, call });
      return kind;
    },
    add(rule) {
      const added = { ...rule, skip: rule.after ?? 0, left: rule.times ?? 1 };
      rules.push(added);
      return () => {
        rules = rules.filter((one) => one !== added);
      };
    },
    addRandom(faults) {
      chances.push({ ...faults, left: faults.most });
    },
    meanwhile({ site, after = 0 }, action) {
      actions.push({ site, skip: after, action });
    },
    dueMeanwhile(site) {
      const due = actions.filter((one) => covers(one.site, site) && one.skip-- === 0);
      return async () => {
        for (const { action } of due) await action(site);
      };
    },
    happened: () => happened,
    calls: () => calls,
  };
}

function covers(rule: string, site: string): boolean {
  return site === rule || site.startsWith(`${rule} `) || site.startsWith(`${rule}.`);
}
