import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Move } from '../../operation/moves.ts';
import type { Wish } from '../../operation/rewinding.ts';
import type { SinkPlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { Asked } from '../asked.ts';
import { atPlace } from '../at-place.ts';
import type { Command, CommandInvocation } from '../command.ts';
import type { FoundPlace } from '../place.ts';
import { placeHelp, placeOptions } from '../place-options.ts';

export const positions: Command = {
  summary: 'shows the positions of a step, or moves it back or on',
  usage: '<pipeline> <step> [--to <place>] [options]',
  help: [
    'A step goes back to the first record that arrived at a time or later, and does it and all that follows again; or it goes on to it and',
    'skips what lies between. No other step notices, but for those that read what a transform makes: they get its events again.',
    'It asks before it does anything. Ctrl-C ends the command, not the move: said again, it goes on, and so does the step by itself as',
    'events come.',
    '',
    '  --to <place>             earliest, latest, 2026-01-31T23:59:00Z, -15m (s, m, h, d), or a sequence number',
    '  --shard <shards>         0,3: only these, and what they were split or merged into; all without it',
    '  --into <table|prefix>    of a sink: it stays where it is, and what it would replay goes into a fresh place, up to now',
    '  --yes                    does not ask',
    '  --yes-double             of a transform: although sinks after it will have its events twice',
    '  --json                   lines of JSON',
    placeHelp,
  ].join('\n'),
  options: {
    ...placeOptions,
    to: { type: 'string' },
    shard: { type: 'string' },
    into: { type: 'string' },
    yes: { type: 'boolean' },
    'yes-double': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    atPlace(invocation, 2, async (asked, found) => {
      const { readerOf } = await import('../wanted.ts');
      const { positionals, values } = invocation;
      const step = readerOf(asked.step(positionals[0], positionals[1]));
      if (values.to === undefined) return show(step, found, invocation);
      if (values.into !== undefined) return replay(step, found, invocation);
      return move({ step, asked, found }, invocation);
    }),
};

async function show(
  step: TransformPlan | SinkPlan,
  { place, title }: FoundPlace,
  { values, signal }: CommandInvocation,
): Promise<number> {
  const { standingsReport, standingsOf } = await import('../positions-report.ts');
  const standings = await standingsOf(step, place, signal);
  if (values.json === true) for (const standing of standings) console.log(JSON.stringify(standing));
  else console.log([title, '', standingsReport(standings)].join('\n'));
  return 0;
}

interface Asking {
  readonly step: TransformPlan | SinkPlan;
  readonly asked: Asked;
  readonly found: FoundPlace;
}

async function move({ step, asked, found }: Asking, invocation: CommandInvocation): Promise<number> {
  const { values, signal } = invocation;
  const { place } = found;
  const { movesTo } = await import('../../operation/moves.ts');
  const { isSame, lastRewind } = await import('../../operation/rewinding.ts');
  const { confirmed } = await import('../confirmed.ts');
  const { moveQuestion, movesReport } = await import('../pull-report.ts');
  const { shardsOf, targetOf } = await import('../wanted.ts');
  const said = String(values.to);
  const shards = shardsOf(values.shard);
  const { number: seen, plan: last } = await lastRewind(step, place, signal);
  const wish = { to: targetOf(said, Date.now()), said, shards, seen };
  const isSaidAgain = last !== undefined && isSame(last, wish);
  if (isSaidAgain && last.phase !== 'done') {
    console.error(`${nameOf(step)}: goes on with what was asked for at ${timeOf(last.askedMillis)}`);
    return drive(step, found, { wish: { ...wish, to: last.to }, invocation });
  }
  const moves = await movesTo(step, place, { ...wish, signal });
  if (values.json === true) for (const each of moves) console.log(JSON.stringify(each));
  else console.log([`${nameOf(step)} (${found.title})`, '', movesReport(moves)].join('\n'));
  if (moves.every(({ does, from }) => does === 'nothing' && from !== undefined)) {
    if (values.json === true) console.log(JSON.stringify({ step: nameOf(step), done: true, events: 0 }));
    else console.log(`${nameOf(step)} is there: nothing to move`);
    return 0;
  }
  await refuseDoubling({ step, asked, moves }, values);
  if (isSaidAgain)
    console.error(
      `${nameOf(step)} was moved to ${said} at ${timeOf(last.askedMillis)} already, and has caught up since: this moves it once more`,
    );
  else if (last !== undefined && last.phase !== 'done')
    console.error(`${nameOf(step)} is being moved to ${last.said} still: this takes the place of that`);
  if (!(await confirmed(moveQuestion(nameOf(step), moves), { yes: values.yes === true, signal }))) return 1;
  return drive(step, found, { wish, invocation });
}

/** A sink that appends is not rewound at all; a transform only when its operator knows what that does to the sinks after it. */
async function refuseDoubling(
  { step, asked, moves }: Pick<Asking, 'step' | 'asked'> & { readonly moves: readonly Move[] },
  values: CommandInvocation['values'],
): Promise<void> {
  if (!moves.some(({ does }) => does === 'replays')) return;
  const { doubledBy, doubles } = await import('../../operation/sinks.ts');
  if (step.kind === 'sink') {
    if (!doubles(step)) return;
    throw new UserMistake(
      `${nameOf(step)} adds what it writes, so what it replays would be there twice: --into <${placeWord(step)}> brings it into a fresh place`,
    );
  }
  const doubled = doubledBy(step, asked.plans());
  if (doubled.length === 0 || values['yes-double'] === true) return;
  throw new UserMistake(
    `what ${nameOf(step)} replays would be there twice in ${doubled.map(nameOf).join(', ')}: --yes-double does it nevertheless`,
  );
}

async function drive(
  step: TransformPlan | SinkPlan,
  { place, title }: FoundPlace,
  { wish, invocation }: { readonly wish: Wish; readonly invocation: CommandInvocation },
): Promise<number> {
  const { signal, values } = invocation;
  const { rewindStep } = await import('../../operation/rewinding.ts');
  const { driven } = await import('../driven.ts');
  const { counted } = await import('../pull-report.ts');
  const name = nameOf(step);
  const { outcome, events } = await driven(name, signal, (driving) => rewindStep(step, place, { wish, ...driving }));
  if (outcome === 'paused')
    console.error(`${name} is paused: it goes there when it is resumed, and this is said again`);
  if (outcome !== 'done') return 1;
  if (values.json === true) console.log(JSON.stringify({ step: name, done: true, events }));
  else console.log(`${name} was moved to ${wish.said}, and has caught up: ${counted(events, 'event')} done (${title})`);
  return 0;
}

async function replay(
  step: TransformPlan | SinkPlan,
  found: FoundPlace,
  invocation: CommandInvocation,
): Promise<number> {
  const { replayStep } = await import('../replay-step.ts');
  const { values } = invocation;
  if (values.shard !== undefined)
    throw new UserMistake('--shard does not go with --into: a fresh place gets what every shard has');
  return replayStep(step, found, {
    invocation,
    range: { from: String(values.to), to: 'latest', into: String(values.into) },
  });
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
