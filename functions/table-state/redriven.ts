import { createHash } from 'node:crypto';
import type { ReceivedEvent } from '../runtime/event.ts';
import type { Position } from '../runtime/position.ts';
import type { Rejection } from '../runtime/rejection.ts';

/** An event that a state has refused: by its place in the log, or by what it says of itself. */
export type Refused = { readonly shard: string; readonly at: string } | { readonly identity: string };

/** Decides about events that an operator has put back, within one slice. */
export interface RedriveCheck {
  /** Tells whether an event has to be asked about. The events before it have to be reduced by then. */
  concerns(event: ReceivedEvent): boolean;
  /**
   * Tells whether the original of an event has counted, so that the event must not count again. `rejected`: what the
   * slice has rejected so far.
   */
  isCounted(event: ReceivedEvent, rejected: readonly Rejection[]): Promise<boolean>;
  /** Lists the refused events that were put back and have counted now, up to a position, with the position of each. */
  taken(upTo?: Position): readonly Refused[];
}

/**
 * Opens the check of a slice. A state that was made again of the log has judged each of its events anew: what the code
 * before had refused may have counted there. So an event that is put back counts only when this state has refused its
 * original, and only once.
 *
 * `filled`: how far the state was made of the log, by shard. Later originals are its own dead letters, which count as
 * always. `isFilling`: it is being made now, of originals and of events that were put back since; those that an earlier
 * version has put back do not name their original's place, and are known by their id, key and time.
 */
export function openRedriveCheck(of: {
  readonly shard: string;
  readonly filled: Readonly<Record<string, string>> | undefined;
  readonly isFilling: boolean;
  /**
   * Tells whether the state is made of an event. What others do is not made again, so they count whenever they come.
   */
  makesState(event: ReceivedEvent): boolean;
  has(refused: Refused): Promise<boolean>;
}): RedriveCheck {
  const { shard, filled = {}, isFilling } = of;
  const taken = new Map<string, { readonly refused: Refused; readonly by: Position }>();

  function originalOf(event: ReceivedEvent): Refused | undefined {
    if (event.redrivenFor === undefined || !of.makesState(event)) return undefined;
    const { redrivenFrom } = event;
    if (redrivenFrom === undefined) return isFilling ? { identity: identityOf(event) } : undefined;
    const end = redrivenFrom.lastIndexOf('/');
    const place = { shard: redrivenFrom.slice(0, end), at: redrivenFrom.slice(end + 1) };
    return isFilling || place.at <= (filled[place.shard] ?? '') ? place : undefined;
  }

  function isRejected(original: Refused, { at, event }: Rejection): boolean {
    if ('at' in original) return original.shard === shard && original.at === at;
    return event !== undefined && identityOf(event) === original.identity;
  }

  return {
    concerns: (event) => originalOf(event) !== undefined,
    async isCounted(event, rejected) {
      const refused = originalOf(event);
      if (refused === undefined) return false;
      const name = nameOf(refused);
      if (taken.has(name)) return true;
      if (!rejected.some((one) => isRejected(refused, one)) && !(await of.has(refused))) return true;
      taken.set(name, { refused, by: event.position });
      return false;
    },
    taken: (upTo) =>
      [...taken.values()].filter(({ by }) => upTo === undefined || by <= upTo).map(({ refused }) => refused),
  };
}

/** Tells whether a rejection of a slice was put back and has counted within the slice. */
export function isTaken(taken: readonly Refused[], shard: string, { at, event }: Rejection): boolean {
  return taken.some((one) =>
    'at' in one ? one.shard === shard && one.at === at : event !== undefined && one.identity === identityOf(event),
  );
}

/** Stands for an event that is put back as it was: these attributes stay. */
export function identityOf({ id, key, time }: Pick<ReceivedEvent, 'id' | 'key' | 'time'>): string {
  return createHash('sha256')
    .update(JSON.stringify([id, key, time]))
    .digest('base64url');
}

function nameOf(refused: Refused): string {
  return 'at' in refused ? `${refused.shard}/${refused.at}` : refused.identity;
}
