import type { ReceivedEvent } from '../../runtime/event.ts';
import { type Rejection, rejectionOf as rejected } from '../../runtime/rejection.ts';

/** Why a row is refused, in Postgres's own words. */
export interface Refusal {
  /** The SQLSTATE. */
  readonly code: string;
  readonly message: string;
  /** Undefined when it is not one column's fault. */
  readonly column: string | undefined;
}

export function rejectionOf(event: ReceivedEvent, { code, message, column }: Refusal): Rejection {
  const where = column === undefined ? '' : `column ${column}: `;
  const said = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
  return rejected(event, { reason: 'refused', message: `${where}${said} (SQLSTATE ${code})` });
}

/** Postgres quotes the value, however long it is. */
const LONGEST_MESSAGE = 500;

/**
 * Whether an error is a row's fault: data exceptions (class 22), integrity constraint violations (23), and limits that
 * only a row can exceed (54), such as a key that is too long for an index. 21000 is told of two rows with one key that
 * Postgres alone takes for equal: one after the other they are fine.
 */
export function isRowsFault(code: string | undefined): boolean {
  return code !== undefined && (/^(22|23|54)/.test(code) || code === '21000');
}
