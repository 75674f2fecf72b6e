import type pg from 'pg';

/** Rows of a cursor: each a list of texts. */
export interface CursorPage {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly isLast: boolean;
}

/** A page has about so many bytes at most. The size of rows is not known before they are read. */
const PAGE_BYTES = 4 * 1024 * 1024;
const FIRST_ROWS = 20;

/**
 * Reads a statement page by page, inside the transaction that is open. There is at least one page. `most` is asked for
 * each page.
 */
export async function* pagesOfCursor(
  client: pg.ClientBase,
  statement: string,
  { most, signal }: { readonly most: () => number; readonly signal: AbortSignal },
): AsyncGenerator<CursorPage> {
  // Appending a page may take longer than the session's own bound.
  await client.query(`SET LOCAL idle_in_transaction_session_timeout = '15min'`);
  await client.query(`DECLARE millrace NO SCROLL CURSOR FOR ${statement}`);
  let fitting = FIRST_ROWS;
  for (let isLast = false; !isLast; ) {
    signal.throwIfAborted();
    const count = Math.max(1, Math.min(fitting, most()));
    const { rows } = await client.query<(string | null)[]>({
      text: `FETCH FORWARD ${count} FROM millrace`,
      rowMode: 'array',
    });
    const bytes = rows.reduce((sum, row) => sum + (row.at(-1)?.length ?? 0), 0);
    // At most ten times as many: the rows behind these may be larger.
    fitting = Math.min(10 * count, Math.max(1, Math.floor((PAGE_BYTES * rows.length) / Math.max(1, bytes))));
    isLast = rows.length < count;
    yield { rows, isLast };
  }
}
