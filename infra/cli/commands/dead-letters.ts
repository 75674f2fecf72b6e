import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { PipelineFinder } from '../../operation/find-step.ts';
import type { Target } from '../../operation/target.ts';
import { suggest } from '../../sql/syntax/suggest.ts';
import { print, printError } from '../../terminal.ts';
import { redrive } from '../actions/redrive-letters.ts';
import type { Command, CommandInvocation } from '../command.ts';
import { counted } from '../reports/counted.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const deadLetters: Command = {
  summary: 'lists dead letters, shows and mends one, redrives them to their step, or discards them',
  usage: [
    '<pipeline> [step] [options]',
    '       millrace dead-letters show <id> [--bytes]',
    '       millrace dead-letters redrive <id …> [--yes]',
    '       millrace dead-letters redrive <pipeline> <step> [--all] [--reason <reason>] [--since <time>] [--until <time>]',
    '       millrace dead-letters mend <id> --data <file>',
    '       millrace dead-letters discard <id …> --reason <text>',
    '       millrace dead-letters discard <pipeline> <step> --all --reason <text>',
  ].join('\n'),
  help: [
    'Without a verb it lists dead letters by step and reason, with the id of one of each. Records that',
    'Lambda discarded become dead letters before the list is read.',
    '',
    '  show     prints one dead letter with its original bytes',
    '  redrive  appends dead letters to the end of the stream, for the step that rejected them and no',
    '           other. An interrupted redrive can be run again: no event is appended twice. An event that',
    '           is rejected again becomes a dead letter again',
    '  mend     gives the event of a dead letter other data, and leaves it on the list: redrive it then. The',
    '           bytes as they came are kept with it',
    '  discard  removes dead letters from the list',
    '',
    'Redriven and discarded dead letters are kept in the bucket below redriven/ and discarded/.',
    '',
    '  --each                   list every dead letter, not one for each reason',
    '  --bytes                  show: print only the original bytes',
    '  --all                    redrive, discard: all dead letters of the step',
    '  --reason <reason>        redrive: dead letters with this reason, such as schema',
    '  --since, --until <time>  redrive: dead letters stored since, or before, a time:',
    '                           2026-01-31T23:59:00Z, or -2h',
    '  --data <file>            mend: file with the data, as JSON',
    '  --yes                    redrive: do not ask',
    '  --reason <text>          discard: why, for the record',
    '  --json                   print a line of JSON for each dead letter',
    targetHelp,
  ].join('\n'),
  examples: [
    'millrace dead-letters sensors',
    'millrace dead-letters redrive sensors cleaning --reason schema --since -2h',
  ],
  options: {
    ...targetOptions,
    each: { type: 'boolean' },
    bytes: { type: 'boolean' },
    reason: { type: 'string' },
    all: { type: 'boolean' },
    since: { type: 'string' },
    until: { type: 'string' },
    data: { type: 'string' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  async run(invocation) {
    const [verb, ...rest] = invocation.positionals;
    const following = { ...invocation, positionals: rest };
    if (verb === 'show') return show(following);
    if (verb === 'redrive') return redrive(following);
    if (verb === 'mend') return mend(following);
    if (verb === 'discard') return discard(following);
    await refuseMisspelt(verb);
    return list(invocation);
  },
};

/** Throws a `UserMistake` for what looks like a verb, unless a pipeline has that name. */
async function refuseMisspelt(word: string | undefined): Promise<void> {
  const verb = word === undefined ? undefined : suggest(word, ['show', 'redrive', 'mend', 'discard']);
  if (verb === undefined) return;
  const { pipelines } = await import('../../pipelines/all.ts');
  if (pipelines.some(({ name }) => name === word)) return;
  throw new UserMistake(`unknown verb '${word}'; did you mean ${verb}? see millrace dead-letters --help`);
}

function list(invocation: CommandInvocation): Promise<number> {
  return withTarget(invocation, 2, async (find, { target, title }) => {
    const { values, positionals, signal } = invocation;
    const { readLetters } = await import('../../operation/dead-letters/dead-letters.ts');
    const { eachReport, reasonReport } = await import('../reports/dead-letter-report.ts');
    const pipeline = find.plan(positionals[0]).name;
    const step = positionals[1] === undefined ? undefined : find.step(pipeline, positionals[1]).name;
    await convertDiscarded(find, target, signal);
    const read = await readLetters(target, { pipeline, step }, signal);
    if (values.json === true) for (const letter of read.letters) print(JSON.stringify(letter));
    else print(values.each === true ? eachReport(title, read) : reasonReport(title, read));
    return 0;
  });
}

/** Makes dead letters of the records that Lambda discarded, so that the list has them. Prints which could not be. */
async function convertDiscarded(find: PipelineFinder, target: Target, signal: AbortSignal): Promise<void> {
  const { convertOnFailure } = await import('../../operation/dead-letters/on-failure.ts');
  const steps = find.plans().flatMap((plan) => plan.steps);
  for (const { key, letters, error } of await convertOnFailure(target, steps, { now: Date.now, signal })) {
    if (error !== undefined) printError(`${key} is not a dead letter yet: ${(error as Error).message}`);
    else if (letters === undefined)
      printError(`${key} is not a dead letter yet: the progress of its step cannot be read from here`);
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
    if (id === undefined) throw new UserMistake('missing id; millrace dead-letters <pipeline> lists the ids');
    const stored = await findLetter(target, id, signal);
    const letter = knownLetter(stored, await readLetter(target, stored.key, signal));
    if (values.bytes === true) process.stdout.write(originalBytes(letter));
    else print(values.json === true ? JSON.stringify(letter) : letterReport(letter));
    return 0;
  });
}

function mend(invocation: CommandInvocation): Promise<number> {
  return withTarget(invocation, 1, async (_, { target, title }) => {
    const { values, positionals, signal } = invocation;
    const [id] = positionals;
    if (id === undefined) throw new UserMistake('missing id; millrace dead-letters <pipeline> lists the ids');
    if (typeof values.data !== 'string') throw new UserMistake('missing data; use --data <file>, a file with JSON');
    const { readFile } = await import('node:fs/promises');
    const { findLetter } = await import('../../operation/dead-letters/dead-letters.ts');
    const { mendLetter, parseData } = await import('../../operation/dead-letters/mend.ts');
    const text = await readFile(values.data, 'utf8').catch((error: Error) => {
      throw new UserMistake(`cannot read the file '${values.data}': ${error.message}`);
    });
    const stored = await findLetter(target, id, signal);
    await mendLetter(target, stored, { data: parseData(text), nowMillis: Date.now(), signal });
    print(`the data of ${id} is changed (${title}); to append it: millrace dead-letters redrive ${id}`);
    return 0;
  });
}

function discard(invocation: CommandInvocation): Promise<number> {
  const { values, positionals, signal } = invocation;
  const { reason, all = false } = values;
  if (typeof reason !== 'string' || reason.trim() === '')
    throw new UserMistake('missing reason, which is kept with the dead letter; use --reason "sent again by hand"');
  return withTarget(invocation, all ? 2 : Number.POSITIVE_INFINITY, async (find, { target, title }) => {
    const { discardLetters, findLetter, listLetters } = await import('../../operation/dead-letters/dead-letters.ts');
    if (all) find.step(positionals[0], positionals[1]);
    else if (!positionals[0]?.includes('/'))
      throw new UserMistake('missing ids; name ids, or a pipeline and a step with --all');
    const letters = all
      ? await Array.fromAsync(listLetters(target, { pipeline: positionals[0] ?? '', step: positionals[1] }, signal))
      : await Promise.all(positionals.map((id) => findLetter(target, id, signal)));
    if (letters.length === 0) {
      print(`${title}: ${positionals.join('/')} has no dead letters to discard`);
      return 0;
    }
    await discardLetters(target, letters, { reason, nowMillis: Date.now(), signal });
    print(
      `${counted(letters.length, 'dead letter')} discarded; kept below discarded/ in ${target.names.deadLetters} (${title})`,
    );
    return 0;
  });
}
