import { UserMistake } from '../../runtime/errors.ts';
import type { Listener, Transaction } from './decode.ts';
import { formatLsn } from './lsn.ts';
import type { ReadUpTo } from './position.ts';
import { WAY_ON } from './slot.ts';

/** The position while the log is read. */
export interface MovingPosition extends Listener {
  /** The position just after the last change that was decoded. */
  now(): ReadUpTo;
  /** The transaction in the middle of which the reader stands. */
  current(): number | undefined;
  /** Names the message of ours for which the reader waits. */
  expect(token: string): void;
  /** True when a transaction with that message has been read to its end. */
  hasSeen(): boolean;
}

/**
 * Follows the position from a stored one on. The server first sends the last transaction once more. It has to be the
 * same one: a server that was restored from a copy has other transactions at the same LSNs, and nothing else shows it.
 */
export function followPosition(from: ReadUpTo): MovingPosition {
  let { last, inside } = from;
  let isKnown = last === undefined;
  let current: Transaction | undefined;
  let passed = 0;
  let expected: string | undefined;
  let isSeen = false;

  const otherServer = (expected: { readonly lsn: string; readonly xid: number }, { lsn, xid }: Transaction) =>
    new UserMistake(
      `the step has read transaction ${expected.xid} at ${expected.lsn}, and the server sends transaction ${xid} at ${formatLsn(lsn)} in its place: it is another server, such as one that was restored from a backup: ${WAY_ON}`,
    );

  return {
    begun(transaction) {
      current = transaction;
      passed = 0;
      if (!isKnown && last !== undefined) {
        if (!isSame(last, transaction)) throw otherServer(last, transaction);
        passed = Number.POSITIVE_INFINITY;
      } else if (inside !== undefined) {
        if (!isSame(inside, transaction)) throw otherServer(inside, transaction);
        passed = inside.ordinal;
      }
      return passed;
    },
    committed(transaction) {
      current = undefined;
      if (!isKnown && last !== undefined) {
        if (last.token !== undefined && last.token !== transaction.token) throw otherServer(last, transaction);
        isKnown = true;
        return;
      }
      inside = undefined;
      const { token } = transaction;
      isSeen ||= token !== undefined && token === expected;
      last = { ...nameOf(transaction), ...(token === undefined ? {} : { token }) };
    },
    now() {
      const { last: _last, inside: _inside, ...server } = from;
      const isInside = isKnown && current !== undefined && current.ordinal > passed;
      const within = isInside && current !== undefined ? { ...nameOf(current), ordinal: current.ordinal } : inside;
      return {
        ...server,
        ...(last === undefined ? {} : { last }),
        ...(within === undefined ? {} : { inside: within }),
      };
    },
    current: () => current?.xid,
    expect(token) {
      expected = token;
      isSeen = false;
    },
    hasSeen: () => isSeen,
  };
}

type Name = { readonly lsn: string; readonly xid: number; readonly micros: string };

function nameOf({ lsn, xid, micros }: Transaction): Name {
  return { lsn: formatLsn(lsn), xid, micros: String(micros) };
}

function isSame({ lsn, xid, micros }: Name, transaction: Transaction): boolean {
  const other = nameOf(transaction);
  return lsn === other.lsn && xid === other.xid && micros === other.micros;
}
