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
