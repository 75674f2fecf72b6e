import { expect, test } from 'vitest';
import { tableCostLines } from '../../../infra/sql/table-cost.ts';

test('a table costs storage by its rows and WAL by its events, for a million of each', () => {
  expect(tableCostLines({ heap: 240, indexes: 90 })).toEqual([
    '1,000,000 rows take about 381 MiB: $0.05 a month on RDS ($0.115 a GB), without dead rows and indexes of yours',
    '1,000,000 events write at most about 286 MiB of WAL where they update rows, and 486 MiB where each makes one; ' +
      'events of one row in a batch write once, and a batch adds 2 KB',
    'after each checkpoint of the server, the first write to a page puts the whole page (8 KiB) into the WAL',
  ]);
});
