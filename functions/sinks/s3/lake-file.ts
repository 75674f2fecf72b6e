import type { Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';

export type Compression = 'gzip' | 'zstd' | 'none';

/** A file as it grows: lines that wait, as the views on the log's records that they are, and what of it is compressed already. */
export interface LakeFile {
  /** Adds a line. Resolves at once, or when enough lines have come together and are compressed. */
  add(line: Uint8Array): Promise<void> | undefined;
  /** Its size before compression. */
  bytes(): number;
  rows(): number;
  /** Closes it, and resolves to its content. */
  end(): Promise<Uint8Array>;
}

export const fileExtension: Readonly<Record<Compression, string>> = {
  gzip: 'ndjson.gz',
  zstd: 'ndjson.zst',
  none: 'ndjson',
};

/**
 * How much is compressed at a time. A compressor is made only then, so that thousands of small partitions do not cost as many; and where
 * one piece ends follows from the lines alone, not from how they were delivered, so that the bytes are the same again.
 */
const PIECE_BYTES = 1024 * 1024;
const LINE_FEED = Buffer.from('\n');

export function openLakeFile(compression: Compression): LakeFile {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let [bytes, rows] = [0, 0];
  let compressor: Compressor | undefined;

  const compress = async (): Promise<void> => {
    const piece = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    compressor ??= compressors[compression]();
    await compressor.add(piece);
  };

  return {
    add(line) {
      waiting.push(line, LINE_FEED);
      waitingBytes += line.length + 1;
      bytes += line.length + 1;
      rows++;
      return waitingBytes >= PIECE_BYTES ? compress() : undefined;
    },
    bytes: () => bytes,
    rows: () => rows,
    async end() {
      if (waitingBytes > 0) await compress();
      return compressor === undefined ? new Uint8Array() : compressor.end();
    },
  };
}

interface Compressor {
  add(piece: Uint8Array): Promise<void>;
  end(): Promise<Uint8Array>;
}

/** Node's gzip writes no time into its header, so the same lines make the same bytes. */
const compressors: Readonly<Record<Compression, () => Compressor>> = {
  gzip: () => compressorOf(createGzip()),
  zstd: () => compressorOf(createZstdCompress()),
  none: () => {
    const pieces: Uint8Array[] = [];
    return {
      async add(piece) {
        pieces.push(piece);
      },
      end: async () => Buffer.concat(pieces),
    };
  },
};

function compressorOf(stream: Transform): Compressor {
  const pieces: Uint8Array[] = [];
  stream.on('data', (piece: Uint8Array) => pieces.push(piece));
  const done = finished(stream);
  done.catch(() => undefined);
  return {
    add: (piece) =>
      new Promise((resolve, reject) => {
        stream.write(piece, (error) => (error ? reject(error) : resolve()));
      }),
    async end() {
      stream.end();
      await done;
      return Buffer.concat(pieces);
    },
  };
}
