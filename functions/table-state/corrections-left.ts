import type pg from 'pg';
import type { Corrections } from '../runtime/sink.ts';
import { correctingShards, endCorrections, nextCorrection } from './correction-store.ts';
import { LOCK_MAKING, type Owner } from './make-table.ts';
import { find, type NumberedState, placesOf, setNote, type UseClient } from './places.ts';
import { inTransaction } from './rebuild.ts';
import { stateNote } from './shape.ts';
import { dropState } from './swap-states.ts';

/** Returns what the readers of a table's changes have to learn. Undefined: they know the rows that are shown. */
export async function correctionsOf(
  client: pg.ClientBase,
  { step }: Owner,
  of: { readonly use: UseClient; readonly changes: { readonly before: boolean } | undefined },
): Promise<Corrections | undefined> {
  const { use, changes } = of;
  const { shown, former } = await find(client, step);
  const { corrects } = shown?.stored ?? {};
  if (shown === undefined || former === undefined || corrects === undefined) return undefined;
  const end = (same: pg.ClientBase): Promise<void> => forgetFormer(same, step, { shown, former });
  if (changes === undefined) {
    await end(client);
    return undefined;
  }
  const table = step.slice(step.indexOf('/') + 1);
  const published = { table, before: changes.before };
  return {
    kind: 'corrections',
    shards: await correctingShards(client, step),
    next: (signal) => nextCorrection(use, { ...published, step, time: corrects.at, now: shown, former }, signal),
    end: (signal) => use(signal, end),
  };
}

/** Drops the state that another one has replaced, once the readers know of that. */
function forgetFormer(
  client: pg.ClientBase,
  step: string,
  { shown, former }: { readonly shown: NumberedState; readonly former: NumberedState },
): Promise<void> {
  return inTransaction(client, async () => {
    await client.query(LOCK_MAKING);
    if ((await find(client, step)).former === undefined) return;
    await dropState(client, step, former.number);
    await endCorrections(client, step);
    const note = stateNote(step, { ...shown.stored, corrects: undefined });
    await setNote(client, placesOf(step).state(shown.number), note);
  });
}
