/** Yields chunks that were read ahead, and then the rest. A reader that stops early closes the rest. */
export async function* chained(head: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (const chunk of head) if (chunk.length > 0) yield chunk;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Returns the rest of chunks whose reading failed. */
export function failing(error: unknown): AsyncIterator<Buffer> {
  return { next: () => Promise.reject(error) };
}

/** Yields the chunks without their first bytes. */
export async function* after(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/**
 * Returns the first bytes (fewer when there are no more), and all chunks, with the first bytes included. When reading
 * the first bytes fails, `all` yields the bytes that were read and then throws. A reader that stops early closes the
 * chunks.
 */
export async function peek(
  chunks: AsyncIterable<Buffer>,
  bytes: number,
): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> {
  const rest = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  try {
    while (head.length < bytes) {
      const next = await rest.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
  } catch (error) {
    return { head, all: chained([head], failing(error)) };
  }
  return { head: head.subarray(0, bytes), all: chained([head], rest) };
}
