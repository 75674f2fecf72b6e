/** A cache of what is made from patterns. Patterns may come from events, so both number and size are bounded. */
export interface BoundedCache<T> {
  readonly get: (key: string) => T | undefined;
  /** Keeps a value of a size; when there is no room, the cache starts again empty. */
  readonly keep: (key: string, value: T, size: number) => void;
  readonly kept: () => { readonly entries: number; readonly size: number };
}

export function boundedCache<T>(maxEntries: number, maxSize: number): BoundedCache<T> {
  const values = new Map<string, T>();
  let total = 0;
  const keep = (key: string, value: T, size: number): void => {
    if (size > maxSize) return;
    if (values.size >= maxEntries || total + size > maxSize) {
      values.clear();
      total = 0;
    }
    values.set(key, value);
    total += size;
  };
  return { get: (key) => values.get(key), keep, kept: () => ({ entries: values.size, size: total }) };
}
