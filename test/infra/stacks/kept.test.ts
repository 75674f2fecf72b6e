import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { beforeAll, describe, expect, test } from 'vitest';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { type Context, parseContext } from '../../../infra/context.ts';
import { pipelines } from '../../../infra/pipelines/all.ts';
import { definePipeline, type Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { type Kept, keptOf } from '../../../infra/stacks/kept.ts';
import { refusedChanges } from '../../../infra/stacks/kept-changes.ts';
import { currentKept, recordKept, refuseReplacing } from '../../../infra/stacks/kept-files.ts';
import { keptAt, keptWith } from '../../../infra/stacks/kept-stages.ts';
import { leftStacks } from '../../../infra/stacks/left-stacks.ts';
import { addStage } from '../../../infra/stacks/stage.ts';
import { Line, Order, orderOfLine } from '../pipelines/example.ts';

describe('the record', () => {
  let current: ReadonlyMap<string, Kept>;
  beforeAll(async () => {
    current = await currentKept(pipelines);
  });

  test('matches what the app deploys: after an intended change, run `npx millrace kept` and commit its files', async () => {
    expect([...current.keys()]).toEqual([
      'infra/stacks/platform.kept.json',
      ...pipelines.map(({ name }) => `infra/pipelines/${name}.kept.json`),
    ]);
    for (const [file, kept] of current) {
      const recorded = JSON.parse(await readFile(join(REPOSITORY, file), 'utf8')) as Kept;
      expect(keptAt(recorded, 'dev'), file).toEqual(kept);
    }
  });

  test('has every stream, bucket, table and database', () => {
    const types = [...current.values()].flatMap((kept) => Object.values(kept).map(({ type }) => type));
    const count = (type: string) => types.filter((each) => each === type).length;
    const own = pipelines.flatMap(({ streams }) => Object.values(streams).filter((stream) => !('of' in stream)));
    expect(count('AWS::Kinesis::Stream')).toBe(own.length);
    expect([count('AWS::S3::Bucket'), count('AWS::DynamoDB::Table'), count('AWS::RDS::DBInstance')]).toEqual([3, 1, 1]);
  });

  test('is the same for every stage', () => {
    const template = (stage: string) => ({
      Resources: { S: { Type: 'AWS::Kinesis::Stream', Properties: { Name: `millrace-${stage}-orders--lines` } } },
    });
    expect(keptOf(template('prod'), 'prod')).toEqual(keptOf(template('dev'), 'dev'));
    expect(keptOf(template('prod'), 'prod').S?.properties.Name).toBe('millrace-<stage>-orders--lines');
  });
});

const stream = (Name: string, ShardCount?: number) => ({
  type: 'AWS::Kinesis::Stream',
  properties: { Name, ...(ShardCount === undefined ? {} : { ShardCount }) },
});
const mapping = (StartingPosition: string, EventSourceArn = 'arn:lines', more: object = {}) => ({
  type: 'AWS::Lambda::EventSourceMapping',
  properties: { EventSourceArn, StartingPosition, ...more },
});
const subnet = (AvailabilityZone: unknown) => ({ type: 'AWS::EC2::Subnet', properties: { AvailabilityZone } });
const FIRST_ZONE = { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] };
const instance = (more: object) => ({
  type: 'AWS::RDS::DBInstance',
  properties: { DBInstanceIdentifier: 'millrace-<stage>', Engine: 'postgres', ...more },
});

function refused(recorded: Kept, next: Kept, surroundingsGiven = false): readonly string[] {
  return refusedChanges({ file: 'orders.kept.json', recorded, next, stage: 'prod', surroundingsGiven });
}

describe('an update is refused', () => {
  test.each<{ what: string; recorded: Kept; next: Kept; says: RegExp }>([
    {
      what: 'that renames a stream',
      recorded: { linesA: stream('lines', 1) },
      next: { rawB: stream('raw', 1) },
      says: /^AWS::Kinesis::Stream 'lines' would be left behind .*take linesA out of orders\.kept\.json/,
    },
    {
      what: 'that gives a stream another physical name',
      recorded: { linesA: stream('lines', 1) },
      next: { linesA: stream('raw', 1) },
      says: /would be replaced by an empty one: Name cannot be changed, and went from 'lines' to 'raw'/,
    },
    {
      what: 'that moves a stream to another logical id',
      recorded: { linesA: stream('lines', 1) },
      next: { linesB: stream('lines', 1) },
      says: /would be created a second time, under the logical id linesB, and its name is taken/,
    },
    {
      what: 'that renames the database',
      recorded: { D: instance({ DBName: 'millrace' }) },
      next: { D: instance({ DBName: 'shop' }) },
      says: /'millrace-<stage>' would be replaced .*DBName cannot be changed, and went from 'millrace' to 'shop'/,
    },
    {
      what: 'that removes the encryption of the database',
      recorded: { D: instance({ StorageEncrypted: true }) },
      next: { D: instance({}) },
      says: /StorageEncrypted cannot be changed, and went from true to "nothing"/,
    },
    {
      what: 'that changes the key of a table',
      recorded: { T: { type: 'AWS::DynamoDB::Table', properties: { TableName: 't', KeySchema: [{ a: 1 }] } } },
      next: { T: { type: 'AWS::DynamoDB::Table', properties: { TableName: 't', KeySchema: [{ b: 1 }] } } },
      says: /AWS::DynamoDB::Table 't' would be replaced .*KeySchema/,
    },
    {
      what: 'that more than doubles a stream',
      recorded: { S: stream('lines', 1) },
      next: { S: stream('lines', 5) },
      says: /would go from 1 to 5 shards, .*: deploy it with 2, then 4, then 5; record each with millrace kept --stage prod; or, if this stage is new or has 5 already/,
    },
    {
      what: 'that more than halves a stream',
      recorded: { S: stream('lines', 9) },
      next: { S: stream('lines', 2) },
      says: /would go from 9 to 2 shards, .*: deploy it with 5, then 3, then 2;/,
    },
    {
      what: "that changes a step's start",
      recorded: { M: mapping('TRIM_HORIZON') },
      next: { M: mapping('LATEST') },
      says: /StartingPosition went from 'TRIM_HORIZON' to 'LATEST': put the step's start back; millrace positions moves a running step/,
    },
    {
      what: 'that changes the time a step starts at',
      recorded: { M: mapping('AT_TIMESTAMP', 'arn:lines', { StartingPositionTimestamp: 1 }) },
      next: { M: mapping('AT_TIMESTAMP', 'arn:lines', { StartingPositionTimestamp: 2 }) },
      says: /StartingPositionTimestamp went from 1 to 2/,
    },
    {
      what: "that moves a stage's network to other zones",
      recorded: { S: subnet('eu-west-1a') },
      next: { S: subnet('eu-west-1c') },
      says: /AvailabilityZone cannot be changed, and went from 'eu-west-1a' to 'eu-west-1c'/,
    },
    {
      what: "that no longer names the zones of a stage's network",
      recorded: { S: subnet('eu-west-1a') },
      next: { S: subnet(FIRST_ZONE) },
      says: /AvailabilityZone cannot be changed/,
    },
    {
      what: 'that gives a step that starts at the latest event another way to read',
      recorded: { M: mapping('LATEST') },
      next: { M: mapping('LATEST', 'arn:lines/consumer') },
      says: /would be replaced by one that starts at the latest event/,
    },
  ])('$what', ({ recorded, next, says }) => {
    expect(refused(recorded, next)).toEqual([expect.stringMatching(says)]);
  });

  test('for all its changes at once', () => {
    const recorded = { A: stream('a', 1), B: stream('b', 1), M: mapping('LATEST') };
    expect(refused(recorded, { A: stream('a', 9), M: mapping('TRIM_HORIZON') }).length).toBe(3);
  });
});

describe('the record of several stages', () => {
  const shards = (kept: Kept, stage: string) => keptAt(kept, stage).S?.properties.ShardCount;
  const recordedAt = (recorded: Kept, stage: string, count?: number) =>
    keptWith(recorded, { next: { S: stream('lines', count) }, stage });

  test('has the number of shards of each stage: a stage that is deployed later is refused a step that is too large', () => {
    // The plain number of an older file is that of every stage.
    const before = { S: stream('lines', 1) };
    const dev = recordedAt(recordedAt(before, 'dev', 2), 'dev', 4);
    expect([shards(dev, 'dev'), shards(dev, 'prod')]).toEqual([4, 1]);
    const [message] = refused(keptAt(dev, 'prod'), { S: stream('lines', 4) });
    expect(message).toContain('deploy it with 2, then 4; record each with millrace kept --stage prod');
    const both = recordedAt(dev, 'prod', 2);
    expect(refused(keptAt(both, 'prod'), { S: stream('lines', 4) })).toEqual([]);
    expect(shards(both, 'dev')).toBe(4);
  });

  test('is a plain number again when every stage has the same', () => {
    const apart = recordedAt({ S: stream('lines', 2) }, 'dev', 4);
    expect(apart.S?.properties.ShardCount).toEqual({ stages: { '*': 2, dev: 4 } });
    expect(recordedAt(apart, 'dev', 2)).toEqual({ S: stream('lines', 2) });
  });

  test('knows a stage whose capacity follows the traffic', () => {
    const apart = recordedAt({ S: stream('lines', 2) }, 'dev');
    expect([shards(apart, 'dev'), shards(apart, 'constructor')]).toEqual([undefined, 2]);
    expect(JSON.parse(JSON.stringify(apart))).toEqual(apart);
  });

  test('has the zones of a stage that names them', () => {
    const prod = keptWith({ S: subnet(FIRST_ZONE) }, { next: { S: subnet('eu-west-1a') }, stage: 'prod' });
    expect(keptAt(prod, 'dev')).toEqual({ S: subnet(FIRST_ZONE) });
    expect(refused(keptAt(prod, 'prod'), { S: subnet('eu-west-1a') })).toEqual([]);
    expect(refused(keptAt(prod, 'prod'), { S: subnet('eu-west-1c') }).length).toBe(1);
  });

  test('begins with one value for all stages when a stream is new', () => {
    expect(recordedAt({}, 'dev', 3)).toEqual({ S: stream('lines', 3) });
  });
});

describe('an update is accepted', () => {
  test.each<{ what: string; recorded: Kept; next: Kept }>([
    { what: 'that changes nothing', recorded: { S: stream('lines', 2) }, next: { S: stream('lines', 2) } },
    { what: 'that adds a stream', recorded: {}, next: { S: stream('lines', 9) } },
    { what: 'that doubles a stream', recorded: { S: stream('lines', 2) }, next: { S: stream('lines', 4) } },
    { what: 'that halves a stream', recorded: { S: stream('lines', 4) }, next: { S: stream('lines', 2) } },
    { what: 'to capacity on demand', recorded: { S: stream('lines', 9) }, next: { S: stream('lines') } },
    {
      what: 'that names the zones of a network',
      recorded: { S: subnet(FIRST_ZONE) },
      next: { S: subnet('eu-west-1c') },
    },
    { what: 'that removes a step', recorded: { M: mapping('LATEST') }, next: {} },
    {
      what: 'that gives a step another stream',
      recorded: { M: mapping('TRIM_HORIZON') },
      next: { M: mapping('TRIM_HORIZON', 'arn:orders') },
    },
  ])('$what', ({ recorded, next }) => {
    expect(refused(recorded, next)).toEqual([]);
  });

  test("without the stage's own database, when the context names one", () => {
    const recorded = { D: instance({}), S: { type: 'AWS::EC2::Subnet', properties: {} } };
    expect(refused(recorded, {}, true)).toEqual([]);
    expect(refused(recorded, {}, false).length).toBe(2);
    expect(refused({ S: stream('lines', 1) }, {}, true).length).toBe(1);
  });
});

test('the suggested steps to another number of shards are allowed by Kinesis, and reach it', () => {
  for (let from = 1; from <= 40; from++) {
    for (let to = 1; to <= 40; to++) {
      const [message] = refused({ S: stream('s', from) }, { S: stream('s', to) });
      const isTaken = to <= 2 * from && 2 * to >= from;
      expect(message === undefined, `${from} to ${to}`).toBe(isTaken);
      const steps = (message?.match(/deploy it with ([^;]*);/)?.[1]?.split(', then ') ?? [`${to}`]).map(Number);
      expect(steps.at(-1)).toBe(to);
      steps.reduce((at, step) => {
        expect(step <= 2 * at && 2 * step >= at, `${from} to ${to}: ${at} to ${step}`).toBe(true);
        return step;
      }, from);
    }
  }
});

test('the stack of a pipeline that was removed or renamed is refused, with the command that deletes it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'millrace-left-'));
  try {
    await mkdir(join(root, 'infra/pipelines'), { recursive: true });
    for (const name of ['orders', 'sensors']) await writeFile(join(root, `infra/pipelines/${name}.kept.json`), '{}');
    expect(await leftStacks([{ name: 'orders' }, { name: 'sensors' }], 'prod', root)).toEqual([]);
    const [message, ...others] = await leftStacks([{ name: 'sales' }, { name: 'sensors' }], 'prod', root);
    expect(others).toEqual([]);
    expect(message).toContain("pipeline 'orders' was removed or renamed");
    expect(message).toContain('run aws cloudformation delete-stack --stack-name millrace-prod-orders ');
    expect(message).toContain('then delete infra/pipelines/orders.kept.json');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test("`cdk synth` refuses a change of the repository's own streams, whatever the stage", async () => {
  const orders: Pipeline = definePipeline({
    name: 'orders',
    streams: { lines: { schema: Line, shards: 3 }, sold: { schema: Order } },
    transforms: { 'order-events': { from: 'lines', apply: orderOfLine, to: 'sold', start: 'latest' } },
  });
  const outdir = await mkdtemp(join(tmpdir(), 'millrace-kept-'));
  try {
    const context = parseContext({ stage: 'prod' });
    const app = new App({ analyticsReporting: false, outdir });
    await addStage(app, context, [orders]);
    const assembly = app.synth();
    const error = await refuseReplacing(assembly, context, { pipelines: [orders] }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserMistake);
    const { message } = error as UserMistake;
    expect(message).toMatch(/^this update is refused:\n/);
    expect(message).toContain("'millrace-<stage>-orders--lines' would go from 1 to 3 shards");
    expect(message).toContain("'millrace-<stage>-orders--orders' would be left behind");
    expect(message).toContain('StartingPosition went from');
    // The repository's other pipeline is gone from this app, and its stack is not.
    expect(message).toContain("pipeline 'sensors' was removed or renamed");
    await recordsOneStage(assembly, context, [orders]);
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
});

/** A change that is recorded for one stage is accepted there, and the record of the other stages stays. */
async function recordsOneStage(assembly: CloudAssembly, context: Context, all: readonly Pipeline[]): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-records-'));
  const file = join(root, 'infra/pipelines/orders.kept.json');
  try {
    for (const folder of ['stacks', 'pipelines']) await mkdir(join(root, 'infra', folder), { recursive: true });
    const withShards = (ShardCount: unknown) => ({
      type: 'AWS::Kinesis::Stream',
      properties: { Name: 'millrace-<stage>-orders--lines', ShardCount },
    });
    const lines = { streamlinesStream6904315B: withShards(1) };
    const others = { '*': 3, prod: 1 };
    for (const recorded of [lines, { streamlinesStream6904315B: withShards({ stages: others }) }]) {
      await writeFile(file, JSON.stringify(recorded));
      await expect(refuseReplacing(assembly, context, { pipelines: all, root })).rejects.toThrow('from 1 to 3 shards');
    }
    await writeFile(file, JSON.stringify(lines));
    await recordKept(all, { context, root });
    await refuseReplacing(assembly, context, { pipelines: all, root });
    expect(keptAt(JSON.parse(await readFile(file, 'utf8')), 'dev')).toMatchObject(lines);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
