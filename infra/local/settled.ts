/** Waits for all, also when one fails: what starts late must be on the stack before it is unwound. Rejects as the first that failed. */
export async function settledTogether<const T extends readonly Promise<unknown>[]>(
  starting: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(starting);
  return (await Promise.all(starting)) as { -readonly [I in keyof T]: Awaited<T[I]> };
}
