import { join } from 'node:path';
import { type Check, sameEntries } from '../../infra/local/demo/checks.ts';
import { eventsBelow } from '../../infra/local/demo/lake.ts';
import { type CdkOptions, openCdk } from './cdk.ts';
import { type Change, changedCopy } from './changed-copy.ts';
import type { Deployed } from './deployed.ts';
import { everythingDone, until } from './settle.ts';
import { startTraffic } from './traffic.ts';

/** The code of a transform and the options of a sink. What is fog to the old code is mist to the new. */
const CHANGES: readonly Change[] = [
  {
    file: 'functions/transforms/clean-readings.sql',
    from: 'wind, weather\n',
    to: `wind, CASE weather
    WHEN 'fog' THEN 'mist'
    WHEN 'unheard of' THEN (1 / (length(weather) - length('unheard of')))::text
    ELSE weather
  END AS weather
`,
  },
  {
    file: 'infra/pipelines/sensors.ts',
    from: "s3Sink({ prefix: 'clean', by: 'month' })",
    to: "s3Sink({ prefix: 'clean', by: 'day' })",
  },
];

/** A second deployment while readings come in: nothing is lost, and Postgres has each reading once. */
export async function changeInTraffic(
  options: CdkOptions,
  { deployed, door }: { readonly deployed: Deployed; readonly door: string },
): Promise<readonly Check[]> {
  const { database } = deployed;
  const repository = await changedCopy(join(options.folder, 'changed'), CHANGES);
  const traffic = startTraffic(door);
  const saysOf = async (weather: string) =>
    Number((await database.query('SELECT count(*) FROM readings WHERE weather = $1', [weather])).rows[0].count);
  try {
    await until('readings flow through the old code', async () => (await saysOf('fog')) > 0);
    const before = traffic.accepted.length;
    await openCdk({ ...options, repository }).deploy();
    const during = traffic.accepted.length - before;
    await until('readings flow through the new code', async () => (await saysOf('mist')) > 0);
    await traffic.stop();
    await everythingDone(deployed);
    return [
      { what: 'readings were accepted during the deployment', expected: 'yes', found: during > 0 ? 'yes' : 'no' },
      ...(await reconcile(deployed, traffic.accepted)),
    ];
  } finally {
    await traffic.stop();
  }
}

async function reconcile(
  { clients, names, database }: Deployed,
  accepted: readonly string[],
): Promise<readonly Check[]> {
  const sensors = new Set(accepted.map((entry) => entry.split(' ')[0]));
  const inLake = async (prefix: string) =>
    (await eventsBelow(clients.s3, names.lake, prefix))
      .filter(({ data }) => sensors.has(String(data.sensor_id)))
      .map(({ data }) => `${data.sensor_id} ${data.date}`);
  const [raw, clean] = [await inLake('raw/'), await inLake('clean/')];
  const { rows } = await database.query<{ reading: string }>(
    `SELECT sensor_id || ' ' || date AS reading FROM readings WHERE sensor_id = ANY($1)`,
    [[...sensors]],
  );
  const cleanOnce = [...new Set(clean)];
  return [
    ...sameEntries('readings in the raw archive', accepted, raw),
    // New code makes events of a new source: at most the batch in flight is doubled, and here it may be.
    ...sameEntries('clean readings in the lake, each counted once', accepted, cleanOnce),
    ...sameEntries(
      'clean readings in Postgres',
      accepted,
      rows.map(({ reading }) => reading),
    ),
  ];
}
