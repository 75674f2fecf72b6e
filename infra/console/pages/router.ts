import { signal } from '@preact/signals';

/** The page that is shown, as its path and its query. Every page is a URL. */
export const place = signal({ path: location.pathname, query: new URLSearchParams(location.search) });

/** Shows another page of the console, and remembers it in the browser's history. */
export function go(href: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  show();
  if (!replace) window.scrollTo(0, 0);
}

function show(): void {
  place.value = { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** Takes over the links of the console, those in a graph too, so that no page is loaded twice. */
export function followLinks(): void {
  window.addEventListener('popstate', show);
  document.addEventListener('click', (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest('a');
    const href = link?.getAttribute('href');
    if (!href?.startsWith('/') || href.startsWith('/api/')) return;
    event.preventDefault();
    go(href);
    // A reader of screens begins with the new page.
    document.querySelector('main')?.focus();
  });
}

/** Takes a path apart: `/steps/sensors/clean` gives `['steps', 'sensors', 'clean']`. */
export function partsOf(path: string): readonly string[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
}

/** Makes a path of parts, which may have any characters. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
