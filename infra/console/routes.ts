import type { EventStream } from './event-stream.ts';

/** The values of a route's `:names`, the query, and a signal that aborts when the browser goes away. */
export interface Asked {
  readonly named: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}

/** A path of the API: it answers once with JSON, or sends messages. */
export type Route =
  | { readonly path: string; answer(asked: Asked): Promise<object> }
  | { readonly path: string; live(asked: Asked, stream: EventStream): Promise<void> };

/** Finds the route of a path, with the values of its names. */
export function routeOf(
  routes: readonly Route[],
  pathname: string,
): { readonly route: Route; readonly named: Readonly<Record<string, string>> } | undefined {
  const parts = pathname.split('/').map(decoded);
  for (const route of routes) {
    const wanted = route.path.split('/');
    if (wanted.length !== parts.length) continue;
    if (!wanted.every((part, index) => part.startsWith(':') || part === parts[index])) continue;
    const named = wanted.flatMap((part, index) => (part.startsWith(':') ? [[part.slice(1), parts[index] ?? '']] : []));
    return { route, named: Object.fromEntries(named) };
  }
  return undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
