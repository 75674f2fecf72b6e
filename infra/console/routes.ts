import type { AskedAct } from './act.ts';
import type { Asked } from './asked.ts';
import type { EventStream } from './event-stream.ts';

/** A path of the API: it answers once with JSON, or sends messages. `act`: it is asked with POST and a body. */
export type Route =
  | { readonly path: string; answer(asked: Asked): Promise<object> }
  | { readonly path: string; live(asked: Asked, stream: EventStream): Promise<void> }
  | { readonly path: string; act(asked: AskedAct): Promise<object> };

/** Finds the route of a path, with the values of its names. */
export function routeOf(
  routes: readonly Route[],
  { pathname, method }: { readonly pathname: string; readonly method: string },
): { readonly route: Route; readonly named: Readonly<Record<string, string>> } | undefined {
  const parts = pathname.split('/').map(decoded);
  for (const route of routes) {
    const wanted = route.path.split('/');
    if (wanted.length !== parts.length || 'act' in route !== (method === 'POST')) continue;
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
