import { startPostgres } from '../kit/servers.ts';
import { type GivenOptions, runProof } from '../long-proof.ts';
import { crasherOf } from './crash.ts';
import { type Fate, type Played, play } from './play.ts';

const COMMAND = 'npm run test:cdc';
const USAGE = `[--kills 1000] [--lanes 4] [--seed 1]
       ${COMMAND} -- --statements 200000 [--kills 500] [--seed 1]

Follows two tables of a real Postgres by its log while random transactions change them, also their columns, empty them,
and while runs die, replies are lost, twins read, connections end and the server crashes. Then it compares the stream
with what triggers wrote down, and the tables with their mirrors, in every column. Ends with code 1 when anything is
lost, doubled or out of order. --statements plays so many statements on one pair of tables.`;

const OPTIONS = {
  kills: { type: 'string' },
  lanes: { type: 'string' },
  seed: { type: 'string' },
  statements: { type: 'string' },
} as const;

/** So many kills are played on one pair of tables. */
const KILLS_A_PLAY = 250;
const ROWS = 3_000;

await runProof({ command: COMMAND, usage: USAGE, options: OPTIONS }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const statements = wholeNumber('statements', 0);
  const kills = wholeNumber('kills', statements > 0 ? 500 : 1_000, 1);
  const lanes = wholeNumber('lanes', 4, 1);
  const plan: Whole = { kills, statements, seed: wholeNumber('seed', 1), begun: 0, done: [] };
  await Promise.all(Array.from({ length: Math.min(lanes, Math.ceil(kills / killsAPlay(plan))) }, () => lane(plan)));
  if (plan.done.some(({ problems }) => problems.length > 0)) {
    process.exitCode = 1;
    return;
  }
  console.log(`${textOf(plan.done)}: 0 lost, 0 doubled, each key in the order of the commits, mirrors equal`);
}

/** What is to be played, and what was. */
interface Whole {
  readonly kills: number;
  readonly statements: number;
  /** The seed of the next play. */
  seed: number;
  /** The kills of the plays that have begun. */
  begun: number;
  readonly done: Played[];
}

function killsAPlay({ kills, statements }: Whole): number {
  return statements > 0 ? kills : KILLS_A_PLAY;
}

/** Plays until all kills have been given out, or something differs. */
async function lane(whole: Whole): Promise<void> {
  while (whole.begun < whole.kills && whole.done.every(({ problems }) => problems.length === 0)) {
    const seed = whole.seed++;
    const kills = Math.min(killsAPlay(whole), whole.kills - whole.begun);
    whole.begun += kills;
    const played = await playOnce(whole, { seed, kills });
    whole.done.push(played);
    console.log(`seed ${seed}: ${textOf([played])}, ${played.problems.length} differences`);
    if (played.problems.length > 0) console.log(played.problems.join('\n'));
  }
}

/** Plays on a new server: its guard starts a server that crashes 20 times at most. */
async function playOnce(
  { statements }: Whole,
  { seed, kills }: { readonly seed: number; readonly kills: number },
): Promise<Played> {
  const server = await startPostgres();
  try {
    return await play(server, {
      seed,
      kills,
      ...(statements > 0 ? { statements } : {}),
      // Every other play begins with rows, which are read in chunks.
      rows: seed % 2 === 0 ? ROWS : 0,
      crash: crasherOf(server),
    });
  } finally {
    await server.stop();
  }
}

function textOf(plays: readonly Played[]): string {
  const sum = (of: (played: Played) => number) => plays.reduce((all, played) => all + of(played), 0);
  const fates = Object.keys(plays[0]?.kills ?? {}).map((fate) => `${fate} ${sum(({ kills }) => kills[fate as Fate])}`);
  const kills = sum((played) => Object.values(played.kills).reduce((all, count) => all + count, 0));
  const [statements, events] = [sum((played) => played.statements), sum((played) => played.events)];
  const dropped = sum((played) => played.appended - played.events);
  return `${kills} kills (${fates.join(', ')}), ${statements} statements, ${events} events, ${dropped} duplicates dropped`;
}
