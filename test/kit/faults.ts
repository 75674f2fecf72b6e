/** What may happen to one call of a step to the outside. */
export const faultKinds = [
  /** It never arrives: the connection breaks. */
  'request lost',
  /** It is carried out, and the answer never comes: the client's time-out. */
  'reply lost',
  /** The service takes no more at the moment; of a PutRecords, some records only. */
  'throttled',
  /** The client gives up waiting for the answer, and the request is carried out after that, by up to two minutes. */
  'late',
  /** The process dies before the request leaves it. */
  'killed before',
  /** The process dies when the request has left it, which is carried out after that, by up to two minutes. */
  'killed in between',
  /** The process dies after the request was carried out, before it knows. */
  'killed after',
  /**
   * The process stands still for minutes before the request leaves it; who called it loses the connection, and calls
   * another one.
   */
  'overtaken',
  /** The process stands still before the request leaves it, until Lambda ends it because its time is over. */
  'timed out',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What ends a process, or makes Lambda call another one beside it. */
const deadly: ReadonlySet<FaultKind> = new Set([
  'killed before',
  'killed after',
  'killed in between',
  'overtaken',
  'late',
  'timed out',
]);

/** Which calls fail, and how. Plain data: a failing run can be kept, and made smaller. */
export interface FaultRule {
  /**
   * `<step> <service>.<operation>`, or the beginning of that: `cleaning`, `cleaning kinesis`, `cleaning
   * kinesis.PutRecords`.
   */
  readonly site: string;
  readonly kind: FaultKind;
  /** How many calls fail: 1 when not given. */
  readonly times?: number;
  /** How many calls go well first: 0 when not given. */
  readonly after?: number;
}

/** Calls fail by chance, anywhere. */
export interface RandomFaults {
  readonly kinds: readonly FaultKind[];
  /** Of each call, from 0 to 1. */
  readonly probability: number;
  /** After so many, all goes well. */
  readonly most: number;
  readonly random: () => number;
}

/** A fault as it happened. As a rule, `{ site, kind, after: call - 1 }`, it happens again in the same run. */
export interface Fault {
  readonly site: string;
  readonly kind: FaultKind;
  /** The call's number at its site, from 1. */
  readonly call: number;
}

export interface Faults {
  /** To be asked once for each call, with its whole site: what happens to it. Undefined: it goes well. */
  next(site: string, process?: { readonly isSpared: boolean }): FaultKind | undefined;
  /** A rule holds until it is used up, or until what is returned is called. */
  add(rule: FaultRule): () => void;
  addRandom(faults: RandomFaults): void;
  /**
   * This happens while the call at the site is under way that comes after so many; the call waits for it, and goes on.
   */
  meanwhile(at: Pick<FaultRule, 'site' | 'after'>, happening: (site: string) => Promise<void>): void;
  /** To be asked once for each call, before `next`: what happens meanwhile. */
  happening(site: string): () => Promise<void>;
  /** In their order. */
  happened(): readonly Fault[];
  /** How many calls there were at each site. */
  calls(): ReadonlyMap<string, number>;
}

/** Decides which calls fail. It knows nothing of what is called: a call site is a text. */
export function openFaults(): Faults {
  const calls = new Map<string, number>();
  const happened: Fault[] = [];
  const chances: (RandomFaults & { left: number })[] = [];
  const happenings: { readonly site: string; skip: number; readonly happening: (site: string) => Promise<void> }[] = [];
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
    meanwhile({ site, after = 0 }, happening) {
      happenings.push({ site, skip: after, happening });
    },
    happening(site) {
      const due = happenings.filter((one) => covers(one.site, site) && one.skip-- === 0);
      return async () => {
        for (const { happening } of due) await happening(site);
      };
    },
    happened: () => happened,
    calls: () => calls,
  };
}

function covers(rule: string, site: string): boolean {
  return site === rule || site.startsWith(`${rule} `) || site.startsWith(`${rule}.`);
}
