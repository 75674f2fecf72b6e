/** The values of a route's `:names`, the query, and a signal that aborts when the browser goes away. */
export interface Asked {
  readonly named: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}
