import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { onOneLine } from '../../../functions/runtime/json/json-bytes.ts';
import { cleanedLine } from '../../terminal.ts';

export type LineStyle = 'json' | 'text' | 'coloured';

/** Chooses how to print events. Colours are for terminals, unless NO_COLOR is set (no-color.org). */
export function lineStyle({ json, isTerminal }: { readonly json: boolean; readonly isTerminal: boolean }): LineStyle {
  if (json) return 'json';
  return isTerminal && (process.env.NO_COLOR ?? '') === '' ? 'coloured' : 'text';
}

/** Formats an event as one line: the CloudEvent as JSON with its exact bytes, or cleaned time, key, type and data. */
export function eventLine(event: ReceivedEvent, style: LineStyle): string {
  if (style === 'json') return Buffer.from(event.bytes).toString();
  const { time, key, type, dataBytes } = event;
  const data = Buffer.from(onOneLine(dataBytes)).toString();
  const parts = [time, key, type, data].map(cleanedLine);
  const colours = style === 'coloured' ? COLOURS : PLAIN;
  return parts.map((part, index) => `${colours[index]}${part}${colours[index] === '' ? '' : RESET}`).join('  ');
}

const DIM = '\u001b[2m';
const CYAN = '\u001b[36m';
const YELLOW = '\u001b[33m';
const RESET = '\u001b[0m';
const COLOURS = [DIM, CYAN, YELLOW, ''];
const PLAIN = ['', '', '', ''];
