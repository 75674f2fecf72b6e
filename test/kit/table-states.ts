import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Rejection } from '../../functions/runtime/rejection.ts';
import type { ShardFilled } from '../../functions/runtime/sink.ts';
import type { Table as TableCode } from '../../functions/runtime/table.ts';
import type { Clock } from '../../functions/runtime/time/clock.ts';
import { orderOfIds } from '../../functions/table-state/correction-order.ts';
import type { CorrectionOwner, CorrectionStore } from '../../functions/table-state/corrections.ts';
import type { StoredRow } from '../../functions/table-state/fold.ts';
import { identityOf, isTaken, openRedriveCheck, type Refused } from '../../functions/table-state/redriven.ts';
import { goneAtSwap } from '../../functions/table-state/replaced-windows.ts';
import { changeBetween, type Shape, type StoredShape, shapeOf } from '../../functions/table-state/shape.ts';
import { refuseUnmakeable } from '../../functions/table-state/state.ts';
import type { Row } from './column-values.ts';

/** A state of a table step: its rows, and what it is made of. */
export interface ModelState {
  readonly number: number;
  readonly stored: StoredShape;
  readonly rows: Map<string, Row>;
  readonly kept: Map<string, StoredRow>;
  /** What it refused while it was made of the log, by shard and position. */
  readonly refused: Map<string, RefusedThere>;
}

interface RefusedThere {
  readonly shard: string;
  readonly rejection: Rejection;
  /** False: its dead letter is stored. */
  readonly isLeft: boolean;
}

/** The states of one table step. */
export interface ModelStates {
  shown: ModelState;
  filling: ModelState | undefined;
  /** Set while the readers of the changes do not know how the shown state differs from the one before. */
  correcting: Correcting | undefined;
}

interface Correcting {
  readonly former: ReadonlyMap<string, StoredRow>;
  readonly formerStored: StoredShape;
  readonly clocks: readonly Clock[];
  owners: readonly CorrectionOwner[];
  passed: string;
}

/** Finds the states of a step, and makes the first one when there is none. */
export function statesOf(
  all: Map<string, ModelStates>,
  step: string,
  of: { readonly code: TableCode; readonly rows: ModelState['rows']; readonly kept: ModelState['kept'] },
): ModelStates {
  const known = all.get(step);
  if (known !== undefined) return known;
  const { rows, kept, code } = of;
  const states = {
    shown: { number: 1, stored: shapeOf(code), rows, kept, refused: new Map() },
    filling: undefined,
    correcting: undefined,
  };
  all.set(step, states);
  return states;
}

/** Tells whether the code keeps something else than the table shows. */
export function isOther({ shown }: ModelStates, code: TableCode): boolean {
  return shown.stored.again === true || changeBetween(shown.stored, shapeOf(code)).kind === 'rebuild';
}

/** Looks what has become of a request to make a table again. */
export function askAgain(states: ModelStates, id: string): 'new' | 'pending' | 'done' {
  const { stored } = states.shown;
  if (stored.again !== true) return stored.asked === id ? 'done' : 'new';
  states.shown = { ...states.shown, stored: { ...stored, asked: id } };
  return 'pending';
}

export function noteAgain(states: ModelStates, id: string): void {
  states.shown = { ...states.shown, stored: { ...states.shown.stored, asked: id, again: true } };
}

/** Begins the state that the code keeps, or finds the one that is begun. */
export function beginFilling(states: ModelStates, code: TableCode): ModelState {
  const shape: Shape = shapeOf(code);
  const { shown, filling } = states;
  refuseUnmakeable(code, { message: 'the state is of other code', shown });
  if (filling !== undefined && changeBetween(filling.stored, shape).kind === 'none') return filling;
  const number = Math.max(shown.number, filling?.number ?? 0) + 1;
  states.filling = { number, stored: shape, rows: new Map(), kept: new Map(), refused: new Map() };
  return states.filling;
}

/** Puts the state that was filled in the place of the one that is shown. The tables themselves stay the same. */
export function showFilled(
  states: ModelStates,
  shards: ReadonlyMap<string, ShardFilled>,
  { publishes, clocks }: { readonly publishes: boolean; readonly clocks: readonly Clock[] },
): void {
  const { shown, filling } = states;
  if (filling === undefined) throw new Error('nothing was filled');
  const { rows, kept } = shown;
  const owners = [...shards]
    .filter(([, { isOpen }]) => isOpen)
    .map(([shard, { from, to }]) => ({ shard, from, to, after: '' }));
  states.correcting = publishes
    ? { former: new Map(kept), formerStored: shown.stored, clocks, owners, passed: '' }
    : undefined;
  const millis =
    publishes && filling.stored.windows !== undefined
      ? goneAtSwap({ former: shown.stored, now: filling.stored, clocks })
      : undefined;
  const gone = millis === undefined ? undefined : new Date(millis).toISOString();
  const filled = Object.fromEntries(
    [...shards].flatMap(([shard, { upTo }]) => (upTo === undefined ? [] : [[shard, upTo]])),
  );
  rows.clear();
  kept.clear();
  for (const [id, row] of filling.rows) rows.set(id, row);
  for (const [id, row] of filling.kept) kept.set(id, row);
  const { asked } = shown.stored;
  states.shown = { ...filling, stored: { ...filling.stored, filled, asked, gone }, rows, kept };
  states.filling = undefined;
}

/** Opens what the corrections are made of. `settle` closes and drops rows of the shown state. */
export function correctionsIn(
  { shown }: ModelStates,
  correcting: Correcting,
  settle: CorrectionStore['settle'],
): CorrectionStore {
  const order = orderIn(shown, correcting);
  const of = { former: correcting.former, now: shown.kept };
  const some = (which: 'former' | 'now', ids: readonly string[]) =>
    new Map(
      ids.flatMap((marked) => {
        const { id, states } = order.parse(marked);
        const row = states === 'both' || states === which ? of[which].get(id) : undefined;
        return row === undefined ? [] : [[marked, row] as const];
      }),
    );
  return {
    async idsAfter(after, most) {
      for (const { states, id, mark } of order.after(after)) {
        const ids = states === 'both' ? [...of.former.keys(), ...of.now.keys()] : [...of[states].keys()];
        const found = [...new Set(ids)].filter((one) => one > id).toSorted();
        if (found.length > 0) return found.slice(0, most).map((one) => `${mark}${one}`);
      }
      return [];
    },
    rows: async (ids) => ({ former: some('former', ids), now: some('now', ids) }),
    settle: ({ close, drop }) =>
      settle({ close: close.map((id) => order.parse(id).id), drop: drop.map((id) => order.parse(id).id) }),
    owners: async () => correcting.owners,
    passed: async () => correcting.passed,
    async pass(id) {
      correcting.passed = id;
    },
  };
}

/** The rows of a correction, before and after it. */
export function correctedRow({ shown }: ModelStates, correcting: Correcting, marked: string) {
  const { id, states } = orderIn(shown, correcting).parse(marked);
  return {
    old: states === 'now' ? undefined : correcting.former.get(id),
    now: states === 'former' ? undefined : shown.kept.get(id),
  };
}

export function orderIn(shown: ModelState, { formerStored }: Correcting) {
  return orderOfIds({ former: { number: 0, stored: formerStored }, now: shown });
}

/** Opens the check of redriven events, as the step does. */
export function redriveCheckIn(
  { refused, stored }: ModelState,
  of: { shard: string; isFilling: boolean; makesState(event: ReceivedEvent): boolean },
) {
  if (stored.filled === undefined && !of.isFilling) return undefined;
  return openRedriveCheck({ ...of, filled: stored.filled, has: async (one) => keyOf(refused, one) !== undefined });
}

/** Notes what a slice has refused, and takes off what was put back and has counted. */
export function noteRefused(
  { refused }: ModelState,
  shard: string,
  { letters, taken }: { readonly letters: readonly Rejection[]; readonly taken: readonly Refused[] },
): void {
  for (const one of taken) {
    const key = keyOf(refused, one);
    if (key !== undefined) refused.delete(key);
  }
  for (const rejection of letters) {
    if (isTaken(taken, shard, rejection)) continue;
    refused.set(`${shard}/${rejection.at}`, { shard, rejection, isLeft: true });
  }
}

function keyOf(refused: ModelState['refused'], one: Refused): string | undefined {
  if ('at' in one) return refused.has(`${one.shard}/${one.at}`) ? `${one.shard}/${one.at}` : undefined;
  return [...refused].find(
    ([, { rejection }]) => rejection.event !== undefined && identityOf(rejection.event) === one.identity,
  )?.[0];
}

/** Returns dead letters of one shard that are not stored yet. */
export function lettersLeft({ refused }: ModelState) {
  const [first, ...others] = [...refused.values()].filter(({ isLeft }) => isLeft);
  if (first === undefined) return undefined;
  const own = [first, ...others].filter(({ shard }) => shard === first.shard);
  return {
    shard: first.shard,
    rejections: own.map(({ rejection }) => rejection),
    stored() {
      for (const one of own) refused.set(`${one.shard}/${one.rejection.at}`, { ...one, isLeft: false });
    },
  };
}
