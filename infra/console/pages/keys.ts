import { signal } from '@preact/signals';
import { go } from './router.ts';

/** True while the page lists the keys. */
export const showsKeys = signal(false);

/** What each key does; `keys.ts` handles those that are the same on all pages. */
export const KEYS: readonly (readonly [key: string, does: string])[] = [
  ['g p', 'go to the pipelines'],
  ['g t', 'go to the tables'],
  ['g c', 'go to the comparisons'],
  ['g d', 'go to the dead letters'],
  ['/', 'go to the first field of the page'],
  ['j, k', 'go to the next or the previous row of a list'],
  ['Enter', 'open the row or the node that has the focus'],
  ['?', 'show or hide this list'],
];

const GO: Readonly<Record<string, string>> = { p: '/', t: '/tables', c: '/compare', d: '/dead-letters' };

/** Listens for keys, except while somebody types into a field. */
export function takeKeys(): void {
  let before = '';
  document.addEventListener('keydown', (event) => {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    if (ctrlKey || metaKey || altKey) return;
    if (key === 'Escape') return leave(target);
    if (isField(target)) return;
    const goes = before === 'g' ? GO[key] : undefined;
    before = key;
    if (goes !== undefined) return go(goes);
    if (key in ON_EVERY_PAGE) {
      event.preventDefault();
      ON_EVERY_PAGE[key]?.();
    }
  });
}

const ON_EVERY_PAGE: Readonly<Record<string, () => void>> = {
  '?': () => {
    showsKeys.value = !showsKeys.value;
  },
  '/': () => document.querySelector<HTMLElement>('main input')?.focus(),
  j: () => step(1),
  k: () => step(-1),
};

function leave(target: EventTarget | null): void {
  showsKeys.value = false;
  if (target instanceof HTMLElement && isField(target)) target.blur();
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName);
}

/** Moves the focus among the links of the rows. */
function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const now = rows.indexOf(document.activeElement as HTMLElement);
  rows[now === -1 ? 0 : Math.max(0, Math.min(rows.length - 1, now + by))]?.focus();
}
