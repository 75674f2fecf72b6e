import type { TableWindows, Window } from '../../windows.ts';
import type { WindowBounds, WindowFrame } from './window.ts';
import { EPOCH, windowEnd, windowStarts } from './window.ts';

/** Returns what the runtime has to know of a table's windows. It counts their retention from their end. */
export function tableWindows({ kind, size, grace, retention, emit }: WindowFrame): TableWindows {
  const isSession = kind === 'session';
  return {
    kind,
    gapMillis: isSession ? size / 1000 : 0,
    graceMillis: grace / 1000,
    retentionMillis: (isSession ? retention : retention - size) / 1000,
    emit,
  };
}

/** Returns the windows of a row as the runtime counts: in milliseconds from 1970. Of a session: the row's time. */
export function windowsAt(frame: WindowFrame, time: number): readonly Window[] {
  if (frame.kind !== 'session')
    return windowStarts(frame, time).map((start) => ({
      start: millisOf(start),
      end: millisOf(windowEnd(frame, start)),
    }));
  const millis = Math.floor(millisOf(time));
  return [{ start: millis, end: millis }];
}

const millisOf = (micros: number): number => (micros - EPOCH) / 1000;

/** Returns the bounds of a window in microseconds from 2000. */
export const microsOf = ({ start, end }: Window): WindowBounds => ({
  start: start * 1000 + EPOCH,
  end: end * 1000 + EPOCH,
});
