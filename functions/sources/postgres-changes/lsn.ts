import { encodeOrdered } from '../../runtime/position.ts';

/**
 * A place in Postgres's log, as a number. Postgres writes it as two hexadecimal numbers, `16/B374D848`.
 */
export type Lsn = bigint;

export const LSN_TEXT = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/;

export function parseLsn(text: string): Lsn {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** 66 bits hold an LSN, 48 the count of a transaction's changes, 18 the events of one change. */
const LSN_WIDTH = 11;
const ORDINAL_WIDTH = 8;
const INDEX_WIDTH = 3;

/**
 * Returns the place of an event: the LSN of its transaction's commit, the number of the change in the transaction (from
 * 1), and the number of the event among those of the change. Transactions come in the order of their commits, so places
 * grow.
 */
export function placeOf(commit: Lsn, ordinal: number, index: number): string {
  return encodeOrdered(commit, LSN_WIDTH) + encodeOrdered(ordinal, ORDINAL_WIDTH) + encodeOrdered(index, INDEX_WIDTH);
}

/**
 * Returns `placeOf` for the changes of one transaction. It encodes the LSN once, and the higher digits of the number
 * once for 4,096 changes.
 */
export function placesIn(commit: Lsn): (ordinal: number, index: number) => string {
  let block = -1;
  let before = '';
  return (ordinal, index) => {
    const ownBlock = Math.floor(ordinal / TAILS.length);
    if (ownBlock !== block) {
      block = ownBlock;
      before = encodeOrdered(commit, LSN_WIDTH) + encodeOrdered(block, ORDINAL_WIDTH - 2);
    }
    const tail = TAILS[ordinal % TAILS.length] as string;
    return before + (index === 0 ? tail : tail.slice(0, 2) + encodeOrdered(index, INDEX_WIDTH));
  };
}

/** The last two digits of an ordinal with the index 0 behind them. */
const TAILS = Array.from({ length: 64 * 64 }, (_, low) => encodeOrdered(low, 2) + encodeOrdered(0, INDEX_WIDTH));
