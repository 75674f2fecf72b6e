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

/** Makes the event's dead letter, with the column, Postgres's message and the SQLSTATE. */
export function rejectionOf(event: ReceivedEvent, { code, message, column }: RowRejection): Rejection {
  const where = column === undefined ? '' : `column ${column}: `;
  const said = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
  return rejected(event, { reason: 'refused', message: `${where}${said} (SQLSTATE ${code})` });
}

/** Postgres quotes the whole value in its message, and a value may be long. */
const LONGEST_MESSAGE = 500;

/**
 * Tells whether an error is a row's fault: data exceptions (class 22), integrity constraint violations (23), and limits
 * that only a row can exceed (54), such as a key that is too long for an index. Postgres raises 21000 when two rows
 * of one statement meet the same row of the table; one after the other, both are fine.
 */
export function isRowsFault(code: string | undefined): boolean {
  return code !== undefined && (/^(22|23|54)/.test(code) || code === '21000');
}
