import { beforeAll, describe, expect, test } from 'vitest';
import { asText, synthesized } from './synthesized.ts';

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

interface Granted {
  readonly role: string;
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: string;
}

/** Every resource with a wildcard in a role's statements, and the reason for the wildcard. */
const WILDCARDS: readonly { readonly resource: RegExp; readonly actions: RegExp; readonly why: string }[] = [
  {
    resource: /^arn:<Partition>:logs:<Region>:<AccountId>:log-group:\/aws\/lambda\/millrace-[a-z0-9_-]+:\*$/,
    actions: /^logs:(CreateLogStream|PutLogEvents)$/,
    why: 'Lambda names the log streams of the one log group',
  },
  {
    resource: /:s3:::millrace-dev-dead-letters-<AccountId>-<Region>\/dead-letters\/[a-z-]+\/[a-z_-]+\/\*$/,
    actions: /^s3:PutObject$/,
    why: "objects below the step's own prefix",
  },
  {
    resource: /:s3:::millrace-dev-dead-letters-<AccountId>-<Region>\/aws\/lambda\/\*$/,
    actions: /^s3:(PutObject|GetObject|DeleteObject)$/,
    why: "Lambda puts discarded batches below the mapping's id, which is not known before the mapping is created with the role",
  },
  {
    resource: /:s3:::millrace-dev-dead-letters-<AccountId>-<Region>\/dead-letters\/\*$/,
    actions: /^s3:PutObject$/,
    why: 'dead letters of every step: Lambda gives up on records of any',
  },
  {
    resource: /:(lambda|kinesis):<Region>:<AccountId>:(function:|stream\/)millrace-dev-\*$/,
    actions: /^(lambda:GetFunctionConfiguration|kinesis:(DescribeStreamSummary|ListShards))$/,
    why: 'what the functions and streams of the stage are is asked, and nothing is done with them',
  },
  {
    resource: /:s3:::millrace-dev-lake-<AccountId>-<Region>\/(replays\/)?[a-z]+\/\*$/,
    actions: /^s3:PutObject$/,
    why: "objects below the sink's own prefix",
  },
  {
    resource: /:s3:::millrace-dev-landing-<AccountId>-<Region>\/[a-z]+\/\*$/,
    actions: /^s3:(GetObject|GetObjectVersion)$/,
    why: "objects below the source's own prefix",
  },
  {
    resource: /^\*$/,
    actions: /^ec2:[A-Za-z]*(NetworkInterfaces?|PrivateIpAddresses|Subnets)$/,
    why: 'EC2 knows no narrower resource for what Lambda does to join a network; the code itself is denied it',
  },
];

let granted: readonly Granted[];
let allowed: readonly Granted[];

beforeAll(async () => {
  const { stacks } = await synthesized();
  granted = [...stacks.values()].flatMap(({ template }) => {
    const roles = template.findResources('AWS::IAM::Role') as Record<string, { Properties: Record<string, unknown> }>;
    return Object.entries(roles).flatMap(([role, { Properties }]) => {
      expect(Properties.ManagedPolicyArns, `${role} has only statements of its own`).toBeUndefined();
      const policies = (Properties.Policies ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
      return policies.flatMap(({ PolicyDocument }) =>
        PolicyDocument.Statement.map((statement) => asGranted(role, statement)),
      );
    });
  });
  allowed = granted.filter(({ effect }) => effect === 'Allow');
  expect(stacksWithOtherPolicies(stacks)).toEqual([]);
});

function asGranted(role: string, { Sid, Effect, Action, Resource, Condition }: Statement): Granted {
  return {
    role: role.replace(/[0-9A-F]{8}$/, ''),
    sid: Sid ?? '',
    effect: Effect,
    actions: [Action].flat(),
    resources: [Resource].flat().map(asText),
    condition: Condition === undefined ? '' : JSON.stringify(Condition),
  };
}

/** Finds policies outside of roles, which these tests would overlook. */
function stacksWithOtherPolicies(stacks: Awaited<ReturnType<typeof synthesized>>['stacks']): readonly string[] {
  return [...stacks].flatMap(([name, { template }]) =>
    ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::User', 'AWS::IAM::Group'].flatMap((type) =>
      Object.keys(template.findResources(type)).map((id) => `${name}: ${type} ${id}`),
    ),
  );
}

function of(role: string): Record<string, Granted> {
  return Object.fromEntries(granted.filter((each) => each.role === role).map((each) => [each.sid, each]));
}

describe('the statements of all roles', () => {
  test('are the listed ones', () => {
    const lines = granted.map(
      ({ role, sid, effect, actions, resources, condition }) =>
        `${role}\n    ${effect} ${sid}: ${actions.join(', ')}\n      on ${resources.join(', ')}${condition && `\n      if ${condition}`}`,
    );
    console.log(lines.join('\n'));
    expect(lines.length).toBeGreaterThan(30);
  });

  test('have their reason as Sid', () => {
    for (const { role, sid } of granted) expect(sid, role).toMatch(/^[A-Z][A-Za-z]{8,}$/);
  });

  test('name their actions', () => {
    for (const { role, actions } of granted) {
      for (const action of actions) expect(action, role).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/);
    }
  });

  test('have no wildcard resource that is not listed with its reason', () => {
    const unexplained = allowed.flatMap(({ role, actions, resources }) =>
      resources
        .filter((resource) => resource.includes('*'))
        .flatMap((resource) =>
          actions
            .filter((action) => !WILDCARDS.some((known) => known.resource.test(resource) && known.actions.test(action)))
            .map((action) => `${role}: ${action} on ${resource}`),
        ),
    );
    expect(unexplained).toEqual([]);
  });

  test('use every listed wildcard, because an unused reason would hide the next wildcard', () => {
    const unused = WILDCARDS.filter(
      (known) => !allowed.some(({ resources }) => resources.some((resource) => known.resource.test(resource))),
    );
    expect(unused.map(({ why }) => why)).toEqual([]);
  });
});

describe('a role', () => {
  const STREAM = 'arn:<Partition>:kinesis:<Region>:<AccountId>:stream/millrace-dev-shop--';

  test('of a transform reads its input, appends to its output, and moves its own checkpoints', () => {
    const role = of('orderingStepRole');
    expect(Object.keys(role).sort()).toEqual([
      'AppendsToItsOutput',
      'KeepsDiscardedBatches',
      'KeepsItsDeadLetters',
      'LetsLambdaSeeTheBucketOfDiscardedBatches',
      'MovesItsOwnCheckpoints',
      'ReadsItsInput',
      'WritesItsLog',
    ]);
    expect(role.ReadsItsInput?.resources).toEqual([`${STREAM}lines`]);
    expect(role.ReadsItsInput?.actions).not.toContain('kinesis:PutRecords');
    expect(role.AppendsToItsOutput?.resources).toEqual([`${STREAM}orders`]);
    expect(role.AppendsToItsOutput?.actions).not.toContain('kinesis:GetRecords');
    expect(role.MovesItsOwnCheckpoints?.condition).toBe(
      '{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["shop/ordering","shop/sorting"]}}',
    );
  });

  test('of a source that answers requests appends, and reads its pause', () => {
    expect(Object.keys(of('tillStepRole')).sort()).toEqual([
      'AppendsToItsOutput',
      'SeesWhetherItIsPaused',
      'WritesItsLog',
    ]);
    expect(of('tillStepRole').SeesWhetherItIsPaused).toMatchObject({
      actions: ['dynamodb:GetItem'],
      condition: '{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["shop/till"]}}',
    });
    expect(Object.keys(of('partnersStepRole')).sort()).toEqual([
      'AppendsToItsOutput',
      'ReadsTheTokenThatCallersSend',
      'SeesWhetherItIsPaused',
      'WritesItsLog',
    ]);
  });

  test('of a continuous sink that keeps its positions with its rows moves checkpoints for its pause', () => {
    const role = of('ordertableStepRole');
    expect(role.MovesItsOwnCheckpoints?.condition).toBe(
      '{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["shop/order_table"]}}',
    );
    expect(role.LogsInToTheDatabaseByIam?.actions).toEqual(['rds-db:connect']);
    expect(role.LogsInToTheDatabaseByIam?.resources[0]).toMatch(/:dbuser:<.*DbiResourceId.*>\/millrace_sinks$/);
  });

  test('of the same sink on a schedule moves checkpoints for its leases', () => {
    expect(of('audittableStepRole').MovesItsOwnCheckpoints).toBeDefined();
    expect(of('audittableStepRole').ReadsItsInput?.actions).not.toContain('kinesis:DescribeStream');
  });

  test('of a function inside the network denies the code the permissions that only Lambda needs to join it', () => {
    const { KeepsTheCodeFromTheNetwork: denied, LetsLambdaJoinTheNetwork: joins } = of('ordertableStepRole');
    expect(denied).toMatchObject({ effect: 'Deny', actions: joins?.actions, resources: ['*'] });
    expect(denied?.condition).toContain('function:millrace-dev-shop--order_table');
  });

  test('of a scheduled sink of the lake writes below its prefix', () => {
    expect(of('lakeStepRole').WritesTheFilesOfTheLake?.resources).toEqual([
      'arn:<Partition>:s3:::millrace-dev-lake-<AccountId>-<Region>/orders/*',
      'arn:<Partition>:s3:::millrace-dev-lake-<AccountId>-<Region>/replays/orders/*',
    ]);
  });

  test('of a source of files reads below its prefix, and takes from its own queue', () => {
    const role = of('uploadsStepRole');
    expect(role.ReadsTheFilesThatLand?.resources).toEqual([
      'arn:<Partition>:s3:::millrace-dev-landing-<AccountId>-<Region>/shop/*',
    ]);
    expect(role.TakesAndPutsBackAnnouncements?.resources).toEqual([
      'arn:<Partition>:sqs:<Region>:<AccountId>:millrace-dev-shop--uploads',
    ]);
  });

  test('of a schedule may invoke one function, and only Scheduler in this account may assume it', () => {
    expect(of('lakeSchedulerRole')).toMatchObject({ RunsTheStep: { actions: ['lambda:InvokeFunction'] } });
  });
});
