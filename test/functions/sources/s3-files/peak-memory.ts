import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { z } from 'zod';
import { s3FilesDefinition, s3FilesSource } from '../../../../functions/sources/s3-files/s3-files.ts';
import { openSource, useEndpoint } from '../../../contracts/source-harnesses.ts';

export interface Peak {
  readonly rows: number;
  readonly rejections: number;
  readonly peakMiB: number;
  readonly seconds: number;
}

const COMPRESS = { plain: (block: Buffer) => block, gzip: gzipSync, zstd: zstdCompressSync };

export type Encoding = keyof typeof COMPRESS;

/**
 * Reads a generated CSV file of about this size in a process of its own, and tells how much memory that took at its
 * highest.
 */
export async function peakOfReading(
  mebibytes: number,
  encoding: Encoding,
): Promise<Peak & { readonly expectedRows: number }> {
  const header = COMPRESS[encoding](Buffer.from('id,n,note\n'));
  const block = COMPRESS[encoding](BLOCK);
  const blocks = Math.ceil((mebibytes * 1024 * 1024) / BLOCK.length);
  const length = header.length + blocks * block.length;
  function* content() {
    yield header;
    for (let sent = 0; sent < blocks; sent++) yield block;
  }
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': length, 'last-modified': new Date(0).toUTCString() });
    pipeline(Readable.from(content()), response, () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...SMALL_FUNCTION,
      fileURLToPath(import.meta.url),
      endpoint,
    ]);
    return { ...(JSON.parse(stdout) as Peak), expectedRows: blocks * ROWS_OF_BLOCK };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * V8 spends what memory it is given on fewer collections, whatever is read. These shares of 256 MB (5 and 90
 * hundredths) are what Lambda's runtime gives it in a function of that size.
 */
const SMALL_FUNCTION = ['--max-semi-space-size=12', '--max-old-space-size=230'];

const ROWS_OF_BLOCK = 1_000;
/** Every hundredth row does not fit; cells have quotes and line breaks. */
const BLOCK = Buffer.from(
  Array.from({ length: ROWS_OF_BLOCK }, (_, n) => {
    return `row ${n * 7919},${n % 100 === 99 ? 'x' : n},"a ""note"", with\nseveral lines ${'.'.repeat(n % 50)}"\n`;
  }).join(''),
);

const Row = z.object({ id: z.string(), n: z.int(), note: z.string() });

async function readInThisProcess(endpoint: string): Promise<Peak> {
  useEndpoint(endpoint);
  const source = openSource(
    s3FilesDefinition,
    s3FilesSource({ schema: Row, format: 'csv', type: 'row.read', key: 'id' }).options,
  );
  let [rows, rejections] = [0, 0];
  const item = { bucket: 'landing', key: 'rows.csv', etag: 'e' };
  for await (const page of source.readItem(item, undefined, new AbortController().signal)) {
    rows += page.events.length + page.rejections.length;
    rejections += page.rejections.length;
  }
  const { maxRSS } = process.resourceUsage();
  return { rows, rejections, peakMiB: Math.round(maxRSS / 1024), seconds: Math.round(performance.now() / 1_000) };
}

const [, script, endpoint] = process.argv;
if (script === fileURLToPath(import.meta.url) && endpoint !== undefined) {
  process.stdout.write(JSON.stringify(await readInThisProcess(endpoint)));
}
