import { join } from 'node:path';
import { type Check, sameEntries } from '../../infra/local/demo/checks.ts';
import { eventsBelow } from '../../infra/local/demo/lake.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { type CdkOptions, openCdk } from './cdk.ts';
import { type Change, changedCopy } from './changed-copy.ts';
import { run } from './command.ts';
import type { Deployed } from './deployed.ts';
import { KILLED_BY_PIGEON } from './killer.ts';
import type { Server } from './server.ts';
import { everythingDone, until } from './settle.ts';
import { startTraffic } from './traffic.ts';

/**
 * A change of the deployed code. Readings pass with the wind `before` through the old code, and `after` through the
 * new.
 */
interface Deployment {
  /** Names the changed copy and the devices that send during the deployment. */
  readonly name: string;
  readonly changes: readonly Change[];
  readonly before: number;
  readonly after: number;
  /** Runs the deployment, and the commands before and after it. */
  readonly around: (deploy: () => Promise<unknown>) => Promise<void>;
  /** Whether clean readings may be duplicated in the lake. */
  readonly mayDouble: boolean;
}

interface Target {
  readonly deployed: Deployed;
  readonly devicesUrl: string;
  readonly server: Server;
}

/**
 * Deploys changed code of a transform and changed options of a sink while readings arrive. Nothing is lost, and
 * Postgres has each reading once.
 */
export function changeInFullFlight(options: CdkOptions, target: Target): Promise<readonly Check[]> {
  return changeInTraffic(options, target, {
    name: 'flying',
    before: 3,
    after: 4,
    mayDouble: true,
    changes: [...faster(1), UNCOMPRESSED],
    around: async (deploy) => {
      await deploy();
    },
  });
}

/** Deploys code between `millrace pause` and `millrace resume` while readings arrive: none is lost or duplicated. */
export function changeWhilePaused(options: CdkOptions, target: Target): Promise<readonly Check[]> {
  const { stage = '' } = options.context;
  const millrace = async (command: 'pause' | 'resume') => {
    const step = [join(REPOSITORY, 'infra/cli/main.ts'), command, 'sensors', 'cleaning', '--stage', stage];
    const log = join(options.folder, 'pause.log');
    await run([process.execPath, ...step], { cwd: options.folder, env: target.server.env, log });
  };
  return changeInTraffic(options, target, {
    name: 'paused',
    before: 4,
    after: 5,
    mayDouble: false,
    changes: [...faster(2), UNCOMPRESSED, KILLED_BY_PIGEON],
    async around(deploy) {
      await millrace('pause');
      await deploy();
      await millrace('resume');
    },
  });
}

const SQL = 'functions/transforms/clean-readings.sql';

/** Makes the SQL add to the wind, which devices send as 3. At a wind of -1 the SQL throws. */
function faster(by: number): readonly Change[] {
  return [
    { file: SQL, from: 'wind, weather', to: `wind + ${by} AS wind, weather` },
    {
      file: SQL,
      from: 'WHERE sensor_id IS NOT NULL',
      to: 'WHERE sensor_id IS NOT NULL AND 1 / (wind + 1) IS NOT NULL',
    },
  ];
}

const UNCOMPRESSED: Change = {
  file: 'infra/pipelines/sensors.ts',
  from: "s3Sink({ prefix: 'clean', by: 'month' })",
  to: "s3Sink({ prefix: 'clean', by: 'month', compression: 'none' })",
};

async function changeInTraffic(
  options: CdkOptions,
  { deployed, devicesUrl }: Target,
  { name, changes, before, after, around, mayDouble }: Deployment,
): Promise<readonly Check[]> {
  const { database } = deployed;
  const repository = await changedCopy(join(options.folder, name), changes);
  const compile = ['npm', 'run', '--silent', 'sql:compile'];
  await run(compile, { cwd: repository, env: options.env, log: join(options.folder, 'cdk.log') });
  const traffic = startTraffic(devicesUrl, name);
  const rowsWith = async (wind: number) =>
    Number(
      (await database.query('SELECT count(*) FROM readings WHERE wind = $1 AND sensor_id LIKE $2', [wind, `${name}-%`]))
        .rows[0].count,
    );
  try {
    await until('readings flow through the old code', async () => (await rowsWith(before)) > 0);
    const already = traffic.accepted.length;
    await around(() => openCdk({ ...options, repository }).deploy());
    const during = traffic.accepted.length - already;
    await until('readings flow through the new code', async () => (await rowsWith(after)) > 0);
    await traffic.stop();
    await everythingDone(deployed);
    return [
      { what: 'readings were accepted during the deployment', expected: 'yes', found: during > 0 ? 'yes' : 'no' },
      ...(await reconcile(deployed, traffic.accepted, mayDouble)),
    ];
  } finally {
    await traffic.stop();
  }
}

async function reconcile(
  { clients, names, database }: Deployed,
  accepted: readonly string[],
  mayDouble: boolean,
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
  return [
    ...sameEntries('readings in the raw archive', accepted, raw),
    // New code makes events of a new source: without a pause the batch in flight may be duplicated.
    ...(mayDouble
      ? sameEntries('clean readings in the lake, each counted once', accepted, [...new Set(clean)])
      : sameEntries('clean readings in the lake', accepted, clean)),
    ...sameEntries(
      'clean readings in Postgres',
      accepted,
      rows.map(({ reading }) => reading),
    ),
  ];
}
