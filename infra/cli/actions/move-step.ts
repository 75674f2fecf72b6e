import { UserMistake } from '../../../functions/runtime/errors.ts';
import { type Move, movesTo } from '../../operation/control/preview-move.ts';
import {
  type Driving,
  goOnRewinding,
  isSame,
  isUnfinished,
  lastRewind,
  rewindStep,
} from '../../operation/control/rewind.ts';
import { doubledBy, doubles } from '../../operation/doubling.ts';
import type { SinkPlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import { parsePosition, shardsOf } from '../arguments/positions.ts';
import type { CommandInvocation } from '../command.ts';
import { counted, moveQuestion, movesReport } from '../reports/rewind-report.ts';
import type { Asked } from '../target/find-step.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { confirmed } from './confirm.ts';
import { driven } from './with-progress.ts';

export interface Asking {
  readonly step: TransformPlan | SinkPlan;
  readonly asked: Asked;
  readonly found: FoundTarget;
}

/**
 * Asks whether a step is to be moved, and drives it there; or drives on what was asked for in the same words before,
 * and is not done. Answers with the exit code.
 */
export async function moveStep({ step, asked, found }: Asking, invocation: CommandInvocation): Promise<number> {
  const { values, signal } = invocation;
  const { target } = found;
  const said = String(values.to);
  const shards = shardsOf(values.shard);
  const { number: seen, plan: last } = await lastRewind(step, target, signal);
  const wish = { to: parsePosition(said, Date.now()), said, shards, seen };
  const driving = { step, found, said };
  if (last !== undefined && isUnfinished(last, wish)) {
    console.error(`${nameOf(step)}: goes on with what was asked for at ${timeOf(last.askedMillis)}`);
    return drive(driving, invocation, (on) => goOnRewinding(step, target, { seen, ...on }));
  }
  const moves = await movesTo(step, target, { ...wish, signal });
  if (values.json === true) for (const each of moves) console.log(JSON.stringify(each));
  else console.log([`${nameOf(step)} (${found.title})`, '', movesReport(moves)].join('\n'));
  if (moves.every(({ does, from }) => does === 'nothing' && from !== undefined)) {
    if (values.json === true) console.log(JSON.stringify({ step: nameOf(step), done: true, events: 0 }));
    else console.log(`${nameOf(step)} is there: nothing to move`);
    return 0;
  }
  await refuseDoubling({ step, asked, moves }, values);
  if (last !== undefined && isSame(last, wish))
    console.error(
      `${nameOf(step)} was moved to ${said} at ${timeOf(last.askedMillis)} already, and has caught up since: this moves it once more`,
    );
  else if (last !== undefined && last.phase !== 'done')
    console.error(`${nameOf(step)} is being moved to ${last.said} still: this takes the place of that`);
  if (!(await confirmed(moveQuestion(nameOf(step), moves), { yes: values.yes === true, signal }))) return 1;
  return drive(driving, invocation, (on) => rewindStep(step, target, { wish, ...on }));
}

/**
 * A sink that appends is not rewound at all; a transform only when its operator knows what that does to the sinks after
 * it.
 */
async function refuseDoubling(
  { step, asked, moves }: Pick<Asking, 'step' | 'asked'> & { readonly moves: readonly Move[] },
  values: CommandInvocation['values'],
): Promise<void> {
  if (!moves.some(({ does }) => does === 'replays')) return;
  if (step.kind === 'sink') {
    if (!doubles(step)) return;
    throw new UserMistake(
      `${nameOf(step)} adds what it writes, so what it replays would be there twice: --into <${placeWord(step)}> brings it into a fresh target`,
    );
  }
  const doubled = doubledBy(step, asked.plans());
  if (doubled.length === 0 || values['yes-double'] === true) return;
  throw new UserMistake(
    `what ${nameOf(step)} replays would be there twice in ${doubled.map(nameOf).join(', ')}: --yes-double does it nevertheless`,
  );
}

async function drive(
  { step, found: { title }, said }: Pick<Asking, 'step' | 'found'> & { readonly said: string },
  { signal, values }: CommandInvocation,
  work: (driving: Driving) => Promise<boolean>,
): Promise<number> {
  const name = nameOf(step);
  const { outcome, events } = await driven(name, signal, work);
  if (outcome === 'paused')
    console.error(`${name} is paused: it goes there when it is resumed, and this is said again`);
  if (outcome !== 'done') return 1;
  if (values.json === true) console.log(JSON.stringify({ step: name, done: true, events }));
  else console.log(`${name} was moved to ${said}, and has caught up: ${counted(events, 'event')} done (${title})`);
  return 0;
}

function placeWord({ connector }: SinkPlan): string {
  return connector === 'postgres' ? 'table' : 'prefix';
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}

function nameOf({ pipeline, name }: StepPlan): string {
  return `${pipeline}/${name}`;
}
