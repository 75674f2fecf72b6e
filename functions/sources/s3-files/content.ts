import { EventRejected } from '../../runtime/errors.ts';
import { hasUtf8Mark, UTF8_MARK } from '../../runtime/json/json-bytes.ts';
import type { S3Object } from './announcements.ts';
import { after, peek } from './chunks.ts';
import { type Compression, compressionOf, decompressed, MAGIC_BYTES } from './compression.ts';
import type { OpenObject } from './object-bytes.ts';

/** An object's content as text. */
export interface Content {
  readonly compression: Compression | undefined;
  /** The offset of the first chunk, in decompressed bytes. At the start: 0, or the length of a byte order mark. */
  readonly offset: number;
  readonly chunks: AsyncIterable<Buffer>;
  readonly lastModified: Date;
}

/** An object, and how to open it. */
export interface ObjectToOpen {
  readonly open: OpenObject;
  readonly object: S3Object;
  readonly signal: AbortSignal;
}

/** Opens an object's content at its start. Throws `EventRejected` for content that is not text in UTF-8. */
export async function openContent({ open, object, signal }: ObjectToOpen): Promise<Content> {
  const { body, lastModified } = await open(object, { offset: 0, signal });
  try {
    const raw = await peek(body, MAGIC_BYTES);
    const compression = compressionOf(raw.head, object.key);
    const text = await peek(compression === undefined ? raw.all : decompressed(raw.all, compression), TEXT_HEAD_BYTES);
    checkText(text.head);
    const offset = hasUtf8Mark(text.head) ? UTF8_MARK.length : 0;
    return { compression, offset, chunks: after(text.all, offset), lastModified };
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/**
 * Opens an object's content at an offset: plain content by a range, compressed content by decompressing it again from
 * its start.
 */
export async function reopenContent(
  object: ObjectToOpen,
  at: Pick<Content, 'offset' | 'compression'>,
): Promise<Content> {
  if (at.compression === undefined) {
    const { body, lastModified } = await object.open(object.object, { offset: at.offset, signal: object.signal });
    return { ...at, chunks: body, lastModified };
  }
  const { chunks, offset, lastModified } = await openContent(object);
  return { ...at, chunks: after(chunks, at.offset - offset), lastModified };
}

const TEXT_HEAD_BYTES = 1024;

function checkText(head: Buffer): void {
  if (head.includes(0) || UTF16_MARKS.some((mark) => head.subarray(0, mark.length).equals(mark)))
    throw new EventRejected(
      'undecodable',
      'the content is not text in UTF-8, but UTF-16 or a binary format: convert the file to UTF-8',
    );
}

const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
