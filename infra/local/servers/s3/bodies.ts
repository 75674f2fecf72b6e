import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The bytes of an object or of a part. */
export interface Body {
  readonly size: number;
  readonly md5: Buffer;
  /** Reads from one offset up to, not including, another. A read that has begun survives `drop`. */
  read(from: number, to: number): AsyncIterable<Uint8Array>;
  /** Frees the memory or the disk. Call it once; read no more after it. */
  drop(): void;
}

/** Small bodies stay in memory; most objects of a lake and all dead letters are small. */
const MOST_BYTES_IN_MEMORY = 1024 * 1024;

/**
 * Keeps a body as it arrives. A large one goes to a file that has no name any more, so the system frees it when this
 * process ends, however it ends.
 */
export async function keepBody(content: AsyncIterable<Buffer>): Promise<Body> {
  const hash = createHash('md5');
  let chunks: Buffer[] = [];
  let size = 0;
  let file: FileHandle | undefined;
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.length;
      chunks.push(chunk);
      if (file === undefined && size <= MOST_BYTES_IN_MEMORY) continue;
      file ??= await namelessFile();
      await file.appendFile(Buffer.concat(chunks));
      chunks = [];
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  const kept = { size, md5: hash.digest() };
  return file === undefined ? inMemory(Buffer.concat(chunks), kept) : inFile(file, kept);
}

function inMemory(bytes: Buffer, { size, md5 }: Pick<Body, 'size' | 'md5'>): Body {
  return {
    size,
    md5,
    async *read(from, to) {
      yield bytes.subarray(from, to);
    },
    drop: () => undefined,
  };
}

const READ_BYTES = 256 * 1024;

function inFile(file: FileHandle, { size, md5 }: Pick<Body, 'size' | 'md5'>): Body {
  let readers = 0;
  let dropped = false;
  const closeIfUnused = (): void => {
    if (dropped && readers === 0) void file.close();
  };
  return {
    size,
    md5,
    async *read(from, to) {
      readers++;
      try {
        for (let at = from; at < to; ) {
          const wanted = Math.min(READ_BYTES, to - at);
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
          if (bytesRead === 0) throw new Error(`a kept body of ${size} bytes ended at ${at}`);
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        readers--;
        closeIfUnused();
      }
    },
    drop() {
      dropped = true;
      closeIfUnused();
    },
  };
}

async function namelessFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `millrace-s3-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}
