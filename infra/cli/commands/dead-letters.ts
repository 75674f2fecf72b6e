import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Target } from '../../operation/target.ts';
import { redrive } from '../actions/redrive-letters.ts';
import type { Command, CommandInvocation } from '../command.ts';
import type { Asked } from '../target/find-step.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const deadLetters: Command = {
  summary: 'lists the events that steps have refused, shows one, puts some back, or discards some',
  usage: [
    '<pipeline> [step] [options]',
    '       millrace dead-letters show <id> [--bytes]',
    '       millrace dead-letters redrive <id …> [--yes]',
    '       millrace dead-letters redrive <pipeline> <step> (--all | --reason <kind> | --since <time> | --until <time>) [--yes]',
    '       millrace dead-letters discard <id …> --reason <text>',
    '       millrace dead-letters discard <pipeline> <step> --all --reason <text>',
  ].join('\n'),
  help: [
    'Lists them by step and reason, with the id of one of each; all of a step with --each. Redrive puts them back for the one step that',
    'refused them, behind the newest events of its stream: once, however often it is interrupted. What is refused again is a dead letter',
    'again. Redriven and discarded ones are kept below redriven/ and discarded/ in the bucket. What Lambda itself gave up on is made dead',
    'letters of before anything is listed.',
    '',
    '  --each                   every dead letter, not one of each kind',
    '  --bytes                  of show: the original bytes and nothing else',
    '  --reason <kind>          of redrive: those of this reason, such as schema',
    '  --since, --until <time>  of redrive: those stored from then on, or before: 2026-01-31T23:59:00Z, or -15m (s, m, h, d)',
    '  --yes                    of redrive: without asking',
    '  --reason <text>          of discard: why it is not needed any more',
    '  --all                    of redrive and discard: all of a step',
    '  --json                   a line of JSON for each dead letter',
    targetHelp,
  ].join('\n'),
  options: {
    ...targetOptions,
    each: { type: 'boolean' },
    bytes: { type: 'boolean' },
    reason: { type: 'string' },
    all: { type: 'boolean' },
    since: { type: 'string' },
    until: { type: 'string' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run(invocation) {
    const [what, ...rest] = invocation.positionals;
    const following = { ...invocation, positionals: rest };
    if (what === 'show') return show(following);
    if (what === 'redrive') return redrive(following);
    if (what === 'discard') return discard(following);
    return list(invocation);
  },
};

function list(invocation: CommandInvocation): Promise<number> {
  return withTarget(invocation, 2, async (asked, { target, title }) => {
    const { values, positionals, signal } = invocation;
    const { readLetters } = await import('../../operation/dead-letters/dead-letters.ts');
    const { eachReport, kindReport } = await import('../reports/dead-letter-report.ts');
    const pipeline = asked.plan(positionals[0]).name;
    const step = positionals[1] === undefined ? undefined : asked.step(pipeline, positionals[1]).name;
    await convert(asked, target, signal);
    const read = await readLetters(target, { pipeline, step }, signal);
    if (values.json === true) for (const letter of read.letters) console.log(JSON.stringify(letter));
    else console.log(values.each === true ? eachReport(title, read) : kindReport(title, read));
    return 0;
  });
}

/** What Lambda itself gave up on is to be among them. Tells what is not, and why. */
async function convert(asked: Asked, target: Target, signal: AbortSignal): Promise<void> {
  const { convertGivenUp } = await import('../../operation/dead-letters/on-failure.ts');
  const steps = asked.plans().flatMap((plan) => plan.steps);
  for (const { key, letters, error } of await convertGivenUp(target, steps, { now: Date.now, signal })) {
    if (error !== undefined) console.error(`${key} is no dead letter yet: ${(error as Error).message}`);
    else if (letters === undefined)
      console.error(`${key} is no dead letter yet: what its step has done cannot be told now`);
  }
}

function show(invocation: CommandInvocation): Promise<number> {
  return withTarget(invocation, 1, async (_, { target }) => {
    const { values, positionals, signal } = invocation;
    const { findLetter, knownLetter, originalBytes, readLetter } = await import(
      '../../operation/dead-letters/dead-letters.ts'
    );
    const { letterReport } = await import('../reports/dead-letter-report.ts');
    const [id] = positionals;
    if (id === undefined) throw new UserMistake('which dead letter? millrace dead-letters <pipeline> lists their ids');
    const stored = await findLetter(target, id, signal);
    const letter = knownLetter(stored, await readLetter(target, stored.key, signal));
    if (values.bytes === true) process.stdout.write(originalBytes(letter));
    else console.log(values.json === true ? JSON.stringify(letter) : letterReport(letter));
    return 0;
  });
}

function discard(invocation: CommandInvocation): Promise<number> {
  const { values, positionals, signal } = invocation;
  const { reason, all = false } = values;
  if (typeof reason !== 'string' || reason.trim() === '')
    throw new UserMistake('a discarded dead letter keeps the reason: --reason "sent again by hand"');
  return withTarget(invocation, all ? 2 : Number.POSITIVE_INFINITY, async (asked, { target, title }) => {
    const { discardLetter, findLetter, listLetters } = await import('../../operation/dead-letters/dead-letters.ts');
    if (all) asked.step(positionals[0], positionals[1]);
    else if (!positionals[0]?.includes('/'))
      throw new UserMistake('which dead letters? their ids, or a pipeline and a step with --all');
    const some = all
      ? await Array.fromAsync(listLetters(target, { pipeline: positionals[0] ?? '', step: positionals[1] }, signal))
      : await Promise.all(positionals.map((id) => findLetter(target, id, signal)));
    if (some.length === 0) {
      console.log(`${title}: no dead letters of ${positionals.join('/')} to discard`);
      return 0;
    }
    for (const letter of some) await discardLetter(target, letter, { reason, nowMillis: Date.now(), signal });
    console.log(`${some.length} discarded: kept below discarded/ in ${target.names.deadLetters} (${title})`);
    return 0;
  });
}
