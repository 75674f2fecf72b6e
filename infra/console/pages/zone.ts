import { signal } from '@preact/signals';

export type Zone = 'local' | 'utc';

const STORED = 'millrace-zone';

/** In which zone all times are shown. */
export const zone = signal<Zone>(localStorage.getItem(STORED) === 'utc' ? 'utc' : 'local');

export function chooseZone(chosen: Zone): void {
  localStorage.setItem(STORED, chosen);
  zone.value = chosen;
}
