import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { SourceName } from '../../infra/connectors.ts';
import { httpHarness, s3FilesHarness } from './source-harnesses.ts';
import { itemSourceContract, receivingSourceContract } from './sources.ts';

const asItIs = (content: Buffer) => content;

/** Every source that can be deployed: one that has no case here does not compile. */
const CONTRACTS: Readonly<Record<SourceName, () => void>> = {
  http: () => receivingSourceContract('http', httpHarness),
  's3-files': () => {
    itemSourceContract('s3-files, CSV', s3FilesHarness('csv', { key: 'a folder/numbers+1.csv', encode: asItIs }));
    itemSourceContract('s3-files, CSV in gzip', s3FilesHarness('csv', { key: 'n.csv.gz', encode: gzipSync }));
    itemSourceContract('s3-files, NDJSON', s3FilesHarness('ndjson', { key: 'n.ndjson', encode: asItIs }));
    itemSourceContract(
      's3-files, NDJSON in zstd',
      s3FilesHarness('ndjson', { key: 'n.zst', encode: zstdCompressSync }),
    );
  },
};

for (const contract of Object.values(CONTRACTS)) contract();
