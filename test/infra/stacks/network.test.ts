import { beforeAll, describe, expect, test } from 'vitest';
import { pipelines as all } from '../../../infra/pipelines/all.ts';
import type { Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { pipelines as example } from '../pipelines/example.ts';
import { shipped } from '../pipelines/shipped.ts';
import { asText, type SynthesizedStage, synthesized } from './synthesized.ts';

/** Services that a role allows and the function's own code never calls. They need no endpoint. */
const NOT_CALLED: Readonly<Record<string, string>> = {
  kms: 'Kinesis and Secrets Manager call it for the function',
  ec2: 'Lambda joins the network, and the code is denied it',
  logs: 'Lambda takes the logs',
  'rds-db': 'the token of IAM authentication is made in the function, and shown to the database',
};

/** The names of endpoints, by IAM's names of their services. */
const ENDPOINT_NAMES: Readonly<Record<string, string>> = { kinesis: 'kinesis-streams' };

interface Resources {
  readonly [id: string]: { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };
}

function resourcesOf(stage: SynthesizedStage): readonly Resources[] {
  return [...stage.stacks.values()].map(({ template }) => (template.toJSON() as { Resources: Resources }).Resources);
}

interface Role {
  readonly Policies: readonly { readonly PolicyDocument: { readonly Statement: readonly Statement[] } }[];
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
}

/** Finds the services that each function inside a network may call, by function. */
function calledInside(stacks: readonly Resources[]): ReadonlyMap<string, readonly string[]> {
  const called = new Map<string, readonly string[]>();
  for (const resources of stacks) {
    for (const { Type, Properties } of Object.values(resources)) {
      if (Type !== 'AWS::Lambda::Function' || Properties.VpcConfig === undefined) continue;
      const [id] = (Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'];
      const { Policies } = resources[id]!.Properties as unknown as Role;
      const actions = Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
        .filter(({ Effect }) => Effect === 'Allow')
        .flatMap(({ Action }) => Action);
      const services = actions
        .map((action) => action.split(':')[0] as string)
        .filter((service) => !(service in NOT_CALLED));
      called.set(String(Properties.FunctionName), [...new Set(services)].sort());
    }
  }
  return called;
}

/** Finds the services for which the networks of the stacks have endpoints. */
function endpointsOf(stacks: readonly Resources[]): readonly string[] {
  return stacks.flatMap((resources) =>
    Object.values(resources)
      .filter(({ Type }) => Type === 'AWS::EC2::VPCEndpoint')
      .map(({ Properties }) => asText(Properties.ServiceName).split('.').at(-1) as string),
  );
}

function withoutEndpoint(stacks: readonly Resources[]): readonly string[] {
  const endpoints = endpointsOf(stacks);
  return [...calledInside(stacks)].flatMap(([name, services]) =>
    services
      .filter((service) => !endpoints.includes(ENDPOINT_NAMES[service] ?? service))
      .map((service) => `${name} calls ${service}`),
  );
}

/** A function of a pipeline that a user has added: nobody here can know what that calls. */
function isOfUser(functionName: string): boolean {
  const added = all.filter((pipeline) => !shipped.includes(pipeline));
  return added.some(({ name }) => functionName.startsWith(`millrace-dev-${name}--`));
}

describe.each<{ what: string; pipelines: readonly Pipeline[]; inside: readonly string[] }>([
  {
    what: 'the pipelines that are deployed',
    pipelines: all,
    inside: [
      ...['database-init', 'database-query', 'orders--completed_orders', 'sensors--readings'],
      ...['shop--basket', 'shop--region_quarters', 'shop--name-sales', 'shop--alert'],
      ...['shop--basket_copy', 'shop--named_sales', 'shop--calls'],
    ],
  },
  {
    what: 'every kind of step',
    pipelines: example,
    inside: ['database-init', 'database-query', 'shop--order_table', 'audit--audit_table'],
  },
])('of $what', ({ pipelines, inside }) => {
  let stacks: readonly Resources[];
  beforeAll(async () => {
    stacks = resourcesOf(await synthesized({}, pipelines));
  });

  test('exactly the functions that call the database are inside the network', () => {
    const found = [...calledInside(stacks).keys()].filter((name) => !isOfUser(name));
    expect(found).toEqual(inside.map((name) => `millrace-dev-${name}`));
  });

  test('they may only call services with an endpoint', () => {
    expect(withoutEndpoint(stacks)).toEqual([]);
  });

  test('every endpoint is used by a function', () => {
    const called = new Set([...calledInside(stacks).values()].flat());
    for (const endpoint of endpointsOf(stacks)) {
      expect([...called].map((service) => ENDPOINT_NAMES[service] ?? service)).toContain(endpoint);
    }
  });

  test('the test fails for each endpoint that is removed', () => {
    for (const resources of stacks) {
      for (const [id, { Type }] of Object.entries(resources)) {
        if (Type !== 'AWS::EC2::VPCEndpoint') continue;
        const { [id]: _, ...rest } = resources;
        expect(withoutEndpoint(stacks.map((each) => (each === resources ? rest : each))).length, id).toBeGreaterThan(0);
      }
    }
  });
});
