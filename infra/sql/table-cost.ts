/** The bytes of one row, in the table and in its indexes. */
export interface RowSize {
  readonly heap: number;
  readonly indexes: number;
}

const MILLION = 1_000_000;

/** A state table keeps a fifth of each page free (`functions/table-state/storage.ts`), and an index about a tenth. */
const FILLED = 0.8;
const INDEX_FILLED = 0.9;

/** The header of a record of WAL, and its part of the record that ends the transaction. */
const WAL_HEADER = 60;

/** List price of a GB of gp3 storage in us-east-1 for a month. */
const STORAGE_PRICE = 0.115;

/** A position, its marks and the commit: written once for each batch of a shard. */
const BATCH_WAL = 2_000;

/**
 * Says what a table costs in Postgres, for a million rows and a million events: nobody can know here how many there
 * are, and everything grows with them.
 */
export function tableCostLines({ heap, indexes }: RowSize): readonly string[] {
  const stored = (heap / FILLED + indexes / INDEX_FILLED) * MILLION;
  const updated = (heap + WAL_HEADER) * MILLION;
  const inserted = (heap + indexes + 3 * WAL_HEADER) * MILLION;
  return [
    `1,000,000 rows take about ${mebibytes(stored)}: ${dollars((stored / 1e9) * STORAGE_PRICE)} a month on RDS ($${STORAGE_PRICE} a GB), without dead rows and indexes of yours`,
    `1,000,000 events write at most about ${mebibytes(updated)} of WAL where they update rows, and ${mebibytes(inserted)} where each makes one; events of one row in a batch write once, and a batch adds ${BATCH_WAL / 1_000} KB`,
    'after each checkpoint of the server, the first write to a page puts the whole page (8 KiB) into the WAL',
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2).toLocaleString('en-US')} MiB`;
}

function dollars(price: number): string {
  return `$${price.toFixed(2)}`;
}
