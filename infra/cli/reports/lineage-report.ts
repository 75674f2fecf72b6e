import { sequenceNumberOf } from '../../../functions/runtime/position.ts';
import type { Verdict } from '../../operation/lineage/run-again.ts';
import type { Link } from '../../operation/lineage/trace-back.ts';
import type { Reached, ReachedOutput } from '../../operation/lineage/trace-forward.ts';
import { streamTitle, type TracedEvent } from '../../operation/lineage/traced-event.ts';
import { shortTime } from '../../operation/times.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { counted } from './counted.ts';
import { shortShard } from './rewind-report.ts';

/** Formats the way back of an event: two lines for each event, the newest first. */
export function backReport(links: readonly Link[]): string {
  return links.flatMap((link) => [eventText(link.traced), `  ${originText(link)}`]).join('\n');
}

/** Formats where an event went on, as a tree. */
export function forwardReport(reached: readonly Reached[], indent = ''): string {
  return reached
    .flatMap(({ step, outcome, why, outputs }) => {
      const said =
        outcome === 'made' ? madeText(outputs) : `${OUTCOMES[outcome]}${why === undefined ? '' : `: ${why}`}`;
      const onward = outputs.map(({ traced, type, key, onward: further }) => {
        const event = traced === undefined ? `${type}  key ${key}  is not in the log` : eventText(traced);
        const next = forwardReport(further, `${indent}    `);
        return `${indent}  ${event}${next === '' ? '' : `\n${next}`}`;
      });
      return [`${indent}${nameOf(step)}  ${said}`, ...onward];
    })
    .join('\n');
}

const OUTCOMES = {
  waiting: 'has not come to it',
  passed: 'has taken it',
  refused: 'refuses it',
  unknown: 'unknown',
} as const;

function madeText(outputs: readonly ReachedOutput[]): string {
  return outputs.length === 0 ? 'drops it' : `makes ${counted(outputs.length, 'event')} of it`;
}

/** Formats an event in one line: what it is, and where it is in the log. */
export function eventText({ stream, shard, event, arrivedMillis }: TracedEvent): string {
  const { type, key, position, id } = event;
  const arrived = shortTime(new Date(arrivedMillis).toISOString());
  const where = `${streamTitle(stream)} shard ${shortShard(shard)}, ${arrived} …${sequenceNumberOf(position).slice(-8)}`;
  return `${type}  key ${key}  in ${where}  id ${id}`;
}

function originText({ origin, verdict, madeOf }: Link): string {
  switch (origin.kind) {
    case 'elsewhere':
      return 'another producer sent it';
    case 'source':
      return `came in through ${nameOf(origin.step)}`;
    case 'redrive':
      return `an operator put it back, for ${nameOf(origin.step)}`;
    case 'table':
      return tableText(nameOf(origin.step), { verdict, madeOf });
    case 'transform':
      return `${nameOf(origin.step)} made it (code and options ${origin.from.generation})${verdict === undefined ? '' : `; ${verdictText(verdict)}`}`;
  }
}

/** Names what a table made of how many events, and those of them that do not follow. */
function tableText(
  table: string,
  { verdict, madeOf }: { readonly verdict: Link['verdict']; readonly madeOf: Link['madeOf'] },
): string {
  if (madeOf === undefined || madeOf.count === 0)
    return `${table} made it, of any number of events${verdict?.is === 'unknown' ? `; ${verdict.why}` : ''}`;
  const others = madeOf.events.slice(0, -1).map((event) => `\n    ${eventText(event)}`);
  const last = madeOf.count === 1 ? 'the event below' : `${counted(madeOf.count, 'event')}, the last of which is below`;
  const before = others.length === 0 ? '' : `; before that came${others.join('')}`;
  return `${table} made it of ${last}${verdict?.is === 'same' ? '; made again, it is the same' : ''}${before}`;
}

export function verdictText(verdict: Verdict): string {
  if (verdict.is === 'same') return 'run again, it makes the same';
  return verdict.is === 'different' ? `run again: ${verdict.why}` : `not run again: ${verdict.why}`;
}

function nameOf({ pipeline, name }: StepPlan): string {
  return `${pipeline}/${name}`;
}
