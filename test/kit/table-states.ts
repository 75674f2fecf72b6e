import type { Rejection } from '../../functions/runtime/rejection.ts';
import type { ShardFilled } from '../../functions/runtime/sink.ts';
import type { Table as TableCode } from '../../functions/runtime/table.ts';
import type { CorrectionOwner, CorrectionStore } from '../../functions/table-state/corrections.ts';
import type { StoredRow } from '../../functions/table-state/fold.ts';
import { identityOf, isTaken, openRedriveCheck, type Refused } from '../../functions/table-state/redriven.ts';
import { changeBetween, type Shape, type StoredShape, shapeOf } from '../../functions/table-state/shape.ts';
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
  if (filling !== undefined && changeBetween(filling.stored, shape).kind === 'none') return filling;
  const number = Math.max(shown.number, filling?.number ?? 0) + 1;
  states.filling = { number, stored: shape, rows: new Map(), kept: new Map(), refused: new Map() };
  return states.filling;
}

/** Puts the state that was filled in the place of the one that is shown. The tables themselves stay the same. */
export function showFilled(
  states: ModelStates,
  shards: ReadonlyMap<string, ShardFilled>,
  { publishes }: { readonly publishes: boolean },
): void {
  const { shown, filling } = states;
  if (filling === undefined) throw new Error('nothing was filled');
  const { rows, kept } = shown;
  const owners = [...shards]
    .filter(([, { isOpen }]) => isOpen)
    .map(([shard, { from, to }]) => ({ shard, from, to, after: '' }));
  states.correcting = publishes ? { former: new Map(kept), owners, passed: '' } : undefined;
  const filled = Object.fromEntries(
    [...shards].flatMap(([shard, { upTo }]) => (upTo === undefined ? [] : [[shard, upTo]])),
  );
  rows.clear();
  kept.clear();
  for (const [id, row] of filling.rows) rows.set(id, row);
  for (const [id, row] of filling.kept) kept.set(id, row);
  const { asked } = shown.stored;
  states.shown = { ...filling, stored: { ...filling.stored, filled, asked }, rows, kept };
  states.filling = undefined;
}

/** Opens what the corrections are made of. */
export function correctionsIn({ shown }: ModelStates, correcting: Correcting): CorrectionStore {
  const some = (rows: ReadonlyMap<string, StoredRow>, ids: readonly string[]) =>
    new Map([...rows].filter(([id]) => ids.includes(id)));
  return {
    idsAfter: async (after, most) =>
      [...new Set([...correcting.former.keys(), ...shown.kept.keys()])]
        .filter((id) => id > after)
        .toSorted()
        .slice(0, most),
    rows: async (ids) => ({ former: some(correcting.former, ids), now: some(shown.kept, ids) }),
    owners: async () => correcting.owners,
    passed: async () => correcting.passed,
    async pass(id) {
      correcting.passed = id;
    },
  };
}

/** Opens the check of redriven events, as the step does. */
export function redriveCheckIn({ refused, stored }: ModelState, of: { shard: string; isFilling: boolean }) {
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
