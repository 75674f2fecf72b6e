import type { StepSummary } from '../answers.ts';

/** Formats a duration in its largest useful unit, as the command line does: `45 s`, `12 min`, `3 h`, `2 d`. */
export function durationText(millis: number): string {
  const seconds = Math.floor(millis / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Formats a whole number: `1,204`. A graph of hundreds of steps needs many, and `toLocaleString` is slow. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Formats a number of things: `1 event`, `1,204 events`. */
export function counted(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** Formats events a second: `0.2/s`, `12/s`, `1,204/s`. Empty for none. */
export function rateText(perSecond: number): string {
  if (perSecond <= 0) return '';
  if (perSecond < 0.05) return '<0.1/s';
  if (perSecond >= 99_950) return `${grouped(Math.round(perSecond / 1_000))}k/s`;
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : grouped(Math.round(perSecond))}/s`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1_000) return counted(bytes, 'byte');
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Formats a time as whole seconds, in UTC or in the zone of this machine: `2026-01-31 23:59:00Z`. */
export function timeText(time: string | number, zone: 'local' | 'utc'): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  if (zone === 'utc') return `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** How much a person should care: colour is for trouble only. */
export type Trouble = 'none' | 'look' | 'bad';

/** Says how a step is, in few words. */
export function stateText(step: StepSummary): { readonly text: string; readonly trouble: Trouble } {
  const waiting = step.behind === 0 ? '' : ` · ${step.andMore ? 'over ' : ''}${waitingText(step)}`;
  const lag = step.lagMillis === 0 ? '' : ` ${durationText(step.lagMillis)}`;
  switch (step.state) {
    case 'held':
      return { text: `held${waiting}`, trouble: 'bad' };
    case 'behind':
      return { text: `behind${lag}${waiting}`, trouble: 'look' };
    case 'unknown':
      return { text: 'unknown', trouble: 'look' };
    case 'running':
      return { text: `running${waiting}`, trouble: 'none' };
    case 'paused':
    case 'rewinding':
    case 'rebuilding':
      return { text: `${step.state}${waiting}`, trouble: 'none' };
    case 'idle':
    case 'ended':
      return { text: step.state, trouble: 'none' };
  }
}

function waitingText({ behind, counts }: StepSummary): string {
  return counted(behind, counts === 'events' ? 'event' : 'message');
}

/** Says why a step needs a look, beside its state. Undefined where the state says it. */
export function adviceOf({ state, note, deadLetters }: StepSummary): string | undefined {
  if (state === 'held') return 'events killed its function, so it waits before the next';
  if (state !== 'behind' && state !== 'unknown') return undefined;
  if (note !== undefined) return note;
  if (deadLetters > 0) return counted(deadLetters, 'dead letter');
  return 'events have waited for longer than its schedule explains';
}

/** Quotes a word for a shell, where it needs that. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
