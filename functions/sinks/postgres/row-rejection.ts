import { cutText } from '../../runtime/cut-text.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { type Rejection, rejectionOf as rejected } from '../../runtime/rejection.ts';

/** Why a row is rejected, in Postgres's own words. */
export interface RowRejection {
  /** The SQLSTATE. */
  readonly code: string;
  readonly message: string;
  /** Undefined when no single column is at fault. */
  readonly column: string | undefined;
}

/** An event whose row is rejected, and why. */
export interface RejectedRow {
  readonly event: ReceivedEvent;
  readonly why: RowRejection;
}

/** Why a value is rejected; its column is known to the caller. */
export type ValueFault = Omit<RowRejection, 'column'>;

export const NOT_A_TEXT: ValueFault = {
  code: '22021',
  message: 'a text of Postgres holds neither the character 0 nor half of a surrogate pair',
};

/** Makes the event's dead letter, with the column, Postgres's message and the SQLSTATE. */
export function rejectionOf(event: ReceivedEvent, { code, message, column }: RowRejection): Rejection {
  const where = column === undefined ? '' : `column ${column}: `;
  return rejected(event, {
    reason: 'refused',
    message: `${where}${cutText(message, LONGEST_MESSAGE)} (SQLSTATE ${code})`,
  });
}

/** Postgres quotes the whole value in its message, and a value may be long. */
const LONGEST_MESSAGE = 500;

/**
 * Tells whether an error is a row's fault: data exceptions (class 22), integrity constraint violations (23), limits
 * that only a row can exceed (54), such as a key that is too long for an index, and rows that a view WITH CHECK OPTION
 * (44000) or a row-level security policy does not accept. Postgres raises 21000 when two rows of one statement meet the
 * same row of the table; one after the other, both are fine.
 *
 * The operator mends an exhausted sequence and a missing partition, so no row is at fault. `mergeByHalves` decides the
 * same inside the database.
 */
export function isRowsFault({ code, routine }: RowError): boolean {
  if (code === undefined || code === SEQUENCE_EXHAUSTED) return false;
  // A missing right has the same code as a policy, and a missing partition that of a CHECK constraint.
  if (code === '42501') return routine === 'ExecWithCheckOptions';
  if (code === '23514') return routine !== 'ExecFindPartition';
  return /^(22|23|54)/.test(code) || code === '21000' || code === '44000';
}

type RowError = { readonly code?: string | undefined; readonly routine?: string | undefined };

export const SEQUENCE_EXHAUSTED = '2200H';
