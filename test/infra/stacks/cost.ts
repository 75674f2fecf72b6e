import type { SynthesizedStage } from './synthesized.ts';

const HOURS_A_MONTH = 730;

/** List prices of us-east-1 for a month. */
const PRICES = {
  shard: 0.015 * HOURS_A_MONTH,
  /** A shard whose stream keeps events for more than a day, and at most for a week. */
  keptShard: 0.02 * HOURS_A_MONTH,
  instance: { 'db.t4g.small': 0.032 * HOURS_A_MONTH },
  gigabyteOfDatabase: 0.115,
  endpointInZone: 0.01 * HOURS_A_MONTH,
  alarm: 0.1,
  dashboard: 3,
  metric: 0.3,
  /** Lambda keeps five requests open at a queue, each for 20 s, at $0.40 a million. */
  queue: 0.26,
  /** Of the database's administrator. */
  secret: 0.4,
  /** Runs of the schedules, and checkpoints: an estimate. */
  runs: 0.6,
};

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

export interface Cost {
  /** The rows of docs/deploy.md, and their sum. */
  readonly table: string;
  /** The same stage with one shard a stream, kept for a day. */
  readonly small: string;
  /** What a stage costs less with a database that exists. */
  readonly withoutDatabase: string;
}

/** Computes what a stage costs a month while idle, from its templates. */
export function costOf(stage: SynthesizedStage): Cost {
  const all = [...stage.stacks.values()].flatMap(({ template }) =>
    Object.values((template.toJSON() as { readonly Resources: Record<string, Resource> }).Resources),
  );
  const of = (type: string) => all.filter(({ Type }) => Type === type).map(({ Properties }) => Properties);
  const streams = of('AWS::Kinesis::Stream').map(({ ShardCount, RetentionPeriodHours }) => ({
    shards: Number(ShardCount),
    hours: Number(RetentionPeriodHours),
  }));
  const sumOf = (some: typeof streams) => some.reduce((sum, { shards }) => sum + shards, 0);
  const kept = sumOf(streams.filter(({ hours }) => hours > 24));
  if (streams.some(({ hours }) => hours > 168))
    throw new Error('a stream keeps events for more than a week: add the price');
  const alarms = of('AWS::CloudWatch::Alarm').length;
  const dashboards = of('AWS::CloudWatch::Dashboard').length;
  const allMappings = of('AWS::Lambda::EventSourceMapping');
  const mappings = allMappings.filter(({ MetricsConfig }) => MetricsConfig !== undefined);
  // Only a queue's mapping bounds how many of its invocations run at once.
  const queues = allMappings.filter(({ ScalingConfig }) => ScalingConfig !== undefined);
  const [instance] = of('AWS::RDS::DBInstance');
  const { DBInstanceClass, AllocatedStorage } = instance as {
    DBInstanceClass: 'db.t4g.small';
    AllocatedStorage: string;
  };
  const zones = of('AWS::EC2::VPCEndpoint')
    .filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface')
    .reduce((sum, { SubnetIds }) => sum + (SubnetIds as unknown[]).length, 0);
  const database = PRICES.instance[DBInstanceClass] + Number(AllocatedStorage) * PRICES.gigabyteOfDatabase;
  const rows: readonly (readonly [string, string, number])[] = [
    ['Kinesis', `${sumOf(streams)} shards at $11`, sumOf(streams) * PRICES.shard],
    ['Kinesis', `${kept} of them kept for a week, at $15`, kept * PRICES.keptShard],
    ['RDS', `${DBInstanceClass}, ${AllocatedStorage} GB`, database],
    ['VPC', `the endpoint of Kinesis in ${zones} zones`, zones * PRICES.endpointInZone],
    ['CloudWatch', `${alarms} alarms at $0.10`, alarms * PRICES.alarm],
    ['CloudWatch', `${dashboards} dashboards at $3`, dashboards * PRICES.dashboard],
    ['CloudWatch', `the polls of ${mappings.length} mappings at $0.30`, mappings.length * PRICES.metric],
    ['SQS', `the polls of ${queues.length} queues at $0.26`, queues.length * PRICES.queue],
    ['others', 'a secret, runs of the schedules, checkpoints', PRICES.secret + PRICES.runs],
  ];
  const total = rows.reduce((sum, [, , price]) => sum + price, 0);
  const lines = rows.map(([service, what, price]) => `| ${service} | ${what} | ${dollars(price)} |`);
  return {
    table: ['| | | |', '|---|---|---|', ...lines, `| | | **${dollars(total)}** |`].join('\n'),
    small: dollars(total - kept * PRICES.keptShard - (sumOf(streams) - streams.length) * PRICES.shard),
    withoutDatabase: dollars(database + zones * PRICES.endpointInZone + PRICES.secret + 2 * PRICES.alarm),
  };
}

function dollars(price: number): string {
  return `$${Math.round(price)}`;
}
