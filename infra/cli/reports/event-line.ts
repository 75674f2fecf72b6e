import type { ReceivedEvent } from '../../../functions/runtime/event.ts';

export type LineStyle = 'json' | 'text' | 'coloured';

/** Colours are for terminals, and not for those who do not want them (no-color.org). */
export function lineStyle({ json, isTerminal }: { readonly json: boolean; readonly isTerminal: boolean }): LineStyle {
  if (json) return 'json';
  return isTerminal && (process.env.NO_COLOR ?? '') === '' ? 'coloured' : 'text';
}

/** An event as a line: the CloudEvent itself as JSON, or what somebody reads who watches. */
export function eventLine(event: ReceivedEvent, style: LineStyle): string {
  if (style === 'json') return Buffer.from(event.bytes).toString();
  const { time, key, type, dataBytes } = event;
  const data = Buffer.from(dataBytes).toString().replaceAll('\n', ' ');
  const parts = [time, key, type, data].map(harmless);
  const colours = style === 'coloured' ? COLOURS : PLAIN;
  return parts.map((part, index) => `${colours[index]}${part}${colours[index] === '' ? '' : RESET}`).join('  ');
}

const DIM = '\u001b[2m';
const CYAN = '\u001b[36m';
const YELLOW = '\u001b[33m';
const RESET = '\u001b[0m';
const COLOURS = [DIM, CYAN, YELLOW, ''];
const PLAIN = ['', '', '', ''];

/** What another team's producer sends must not steer the terminal of who looks at it. */
function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
