/** Returns an event with other data. An event as it is read is a view, which cannot be spread. */
export function withData<E extends { readonly data: unknown; readonly dataBytes: Uint8Array }>(
  event: E,
  dataBytes: Uint8Array,
): E {
  return Object.create(event, {
    dataBytes: { value: dataBytes },
    data: { get: () => JSON.parse(Buffer.from(dataBytes).toString()) as unknown },
  }) as E;
}
