import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments } from '../../infra/cli/arguments/parse.ts';
import { startPostgres } from '../kit/servers.ts';
import { crasherOf } from './crash.ts';
import { play } from './play.ts';

const COMMAND = 'npm run test:cdc --';
const USAGE = `usage: ${COMMAND} [--kills 1000] [--seed 1]

Follows two tables of a real Postgres by its log while random transactions change them, also their columns, and while
runs die, replies are lost, twins read, connections end and the server crashes. Then it compares the stream with what
triggers wrote down, and the tables with their mirrors, in every column. Ends with code 1 when anything is lost, doubled
or out of order.`;

const OPTIONS = { kills: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } } as const;

/** So many kills are played on one pair of tables. */
const KILLS_A_PLAY = 250;
const ROWS = 3_000;

try {
  await main();
} catch (error) {
  if (!(error instanceof UserMistake)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values } = parseArguments(COMMAND, { options: OPTIONS }, process.argv.slice(2));
  if (values.help === true) return console.log(USAGE);
  const kills = number('kills', String(values.kills ?? '1000'), 1);
  const first = number('seed', String(values.seed ?? '1'), 0);
  const server = await startPostgres();
  try {
    for (let done = 0, seed = first; done < kills; seed++) {
      const played = await play(server, {
        seed,
        kills: Math.min(KILLS_A_PLAY, kills - done),
        // Every other play begins with rows, which are read in chunks.
        rows: seed % 2 === 0 ? ROWS : 0,
        crash: crasherOf(server),
      });
      done += Object.values(played.kills).reduce((sum, count) => sum + count, 0);
      const { transactions, appended, events, problems } = played;
      const fates = Object.entries(played.kills).map(([fate, count]) => `${fate} ${count}`);
      console.log(
        `seed ${seed}: ${done} of ${kills} kills (${fates.join(', ')}), ${transactions} transactions, ${events} events, ${appended - events} duplicates dropped, ${problems.length} differences`,
      );
      if (problems.length === 0) continue;
      console.log(problems.join('\n'));
      process.exitCode = 1;
      return;
    }
    console.log('0 lost, 0 doubled, each key in the order of the commits, mirrors equal');
  } finally {
    await server.stop();
  }
}

function number(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UserMistake(`--${option} is '${text}'; use a whole number from ${least} on`);
  return value;
}
