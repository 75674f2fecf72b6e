import type { KeyedEvent, Pairing } from '../runtime/table.ts';
import type { Moment } from '../runtime/time/batch-time.ts';
import { hashText, type RowWindow } from './judge-windows.ts';

/** An event of a join of two streams that is kept until it can meet no other one. */
export interface WaitingRow extends KeyedEvent {
  readonly in: RowWindow;
  readonly pairing: Pairing;
}

/** Says of each row where it stands in time, and in which shard. */
export function waitingRows(rows: readonly KeyedEvent[], { hash }: Moment): readonly (KeyedEvent | WaitingRow)[] {
  return rows.map((row) => {
    const { pairing, window } = row;
    if (pairing === undefined || window === undefined) return row;
    return { ...row, pairing, in: { ...window, hash: hashText(hash()), isOpen: false, group: pairing.group } };
  });
}

/** Tells whether a row of an event is one that waits. */
export function isWaiting(row: KeyedEvent): row is WaitingRow {
  return 'in' in row && row.pairing !== undefined;
}
