import { UserMistake } from '../../../functions/runtime/errors.ts';
import { replayInto } from '../../operation/control/replay.ts';
import type { Target } from '../../operation/target.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import { parsePosition } from '../arguments/positions.ts';
import type { CommandInvocation } from '../command.ts';
import { counted } from '../reports/rewind-report.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { driven } from './with-progress.ts';

/** As the operator says it. */
export interface SaidRange {
  readonly from: string;
  readonly to: string;
  readonly into: string;
}

/** Brings a range of a sink's input into a fresh place, with progress; the sink itself stays where it is. */
export async function replayStep(
  step: TransformPlan | SinkPlan,
  { target, title }: FoundTarget,
  { range, invocation }: { readonly range: SaidRange; readonly invocation: CommandInvocation },
): Promise<number> {
  const { signal, values } = invocation;
  const name = `${step.pipeline}/${step.name}`;
  if (step.kind === 'transform')
    throw new UserMistake(
      `${name} is a transform, whose output is a stream and has no fresh destination: rewind it (millrace positions ${step.pipeline} ${step.name} --to ${range.from}), or replay a sink that reads its output`,
    );
  const wish = wishOf(step, range);
  const { outcome, events } = await driven(name, signal, (driving) => replayInto(step, target, { wish, ...driving }));
  if (outcome !== 'done') return 1;
  const into = destinationOf(step, target, wish.into);
  if (values.json === true) console.log(JSON.stringify({ step: name, ...into, done: true, events }));
  else
    console.log(
      `${counted(events, 'event')} from ${range.from} to ${range.to} are in ${destinationText(into)} now; ${name} itself stays where it is (${title})`,
    );
  return 0;
}

function wishOf(step: SinkPlan, { from, to, into }: SaidRange) {
  const nowMillis = Date.now();
  const end = parsePosition(to, nowMillis);
  if (end === 'earliest' || !('millis' in end)) throw new UserMistake(`'${to}' is no end: a time, -15m or latest`);
  const start = parsePosition(from, nowMillis);
  if (start !== 'earliest' && 'millis' in start && start.millis >= end.millis)
    throw new UserMistake(`from ${from} to ${to} there is nothing: the end does not come after the start`);
  if (end.millis > nowMillis) throw new UserMistake(`${to} is in the future: latest is now`);
  refuseBadTarget(step, into);
  return { from: start, toMillis: end.millis, into, said: `${from} ${to}` };
}

/** What the sink's own schema would say, before anything is asked of its function. */
function refuseBadTarget({ connector }: SinkPlan, into: string): void {
  const fits = connector === 's3' ? /^[\w.=-]+(\/[\w.=-]+)*$/ : /^[^.\0]{1,63}(\.[^.\0]{1,63})?$/u;
  if (!fits.test(into))
    throw new UserMistake(`'${into}' cannot be the name of a ${connector === 's3' ? 'prefix' : 'table'}`);
}

type FreshDestination = { readonly table: string } | { readonly bucket: string; readonly prefix: string };

function destinationOf({ connector, options }: SinkPlan, { names }: Target, into: string): FreshDestination {
  if (connector !== 's3') return { table: into };
  return { bucket: names.lake, prefix: `replays/${(options as { readonly prefix: string }).prefix}/${into}/` };
}

function destinationText(destination: FreshDestination): string {
  return 'table' in destination ? `the table ${destination.table}` : `the lake, below ${destination.prefix}`;
}
