import { describe, expect, test } from 'vitest';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseContext } from '../../../infra/context.ts';

const DATABASE = { host: 'db.example.com', name: 'shop', user: 'sinks', secret: 'arn:aws:secretsmanager:…' };
const NETWORK = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  securityGroupIds: ['sg-0123456789abcdef0'],
};

describe('the context', () => {
  test('of nothing is the stage dev', () => {
    expect(parseContext({})).toEqual({ stage: 'dev' });
  });

  test('takes objects as cdk.json has them, and as the command line gives them', () => {
    const expected = { stage: 'prod', database: { ...DATABASE, port: 5_432 }, network: NETWORK };
    expect(parseContext({ stage: 'prod', database: DATABASE, network: NETWORK })).toEqual(expected);
    expect(
      parseContext({ stage: 'prod', database: JSON.stringify(DATABASE), network: JSON.stringify(NETWORK) }),
    ).toEqual(expected);
  });

  test("leaves the CDK's own keys alone", () => {
    const ofCdk = {
      '@aws-cdk/core:newStyleStackSynthesis': true,
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:bundling-stacks': ['**'],
      'availability-zones:account=1:region=eu-west-1': ['eu-west-1a'],
      'acknowledged-issue-numbers': [1],
      'cli-telemetry': false,
    };
    expect(parseContext(ofCdk)).toEqual({ stage: 'dev' });
  });

  test.each([
    {
      what: 'an unknown key',
      context: { stge: 'dev' },
      says: /'stge': no such key; there are stage, database, network/,
    },
    { what: 'a stage with a hyphen', context: { stage: 'my-dev' }, says: /stage: a stage is 1 to 12 of a-z and 0-9/ },
    { what: 'a stage with capitals', context: { stage: 'Dev' }, says: /stage: a stage is 1 to 12/ },
    { what: 'an empty stage', context: { stage: '' }, says: /stage: a stage is 1 to 12/ },
    { what: 'a database that is no JSON', context: { database: '{host:' }, says: /database: .*expected object/ },
    { what: 'a database that is a host', context: { database: 'db.example.com' }, says: /database: .*expected object/ },
    {
      what: 'a database without a host',
      context: { database: { ...DATABASE, host: undefined } },
      says: /database\.host: .*expected string/,
    },
    {
      what: 'a database with a port that is none',
      context: { database: { ...DATABASE, port: 70_000 } },
      says: /database\.port: .*65535/,
    },
    {
      what: 'a database with its password in the open',
      context: { database: { ...DATABASE, password: 'x' } },
      says: /database: Unrecognized key: "password"/,
    },
    {
      what: 'a database on another machine without TLS',
      context: { database: { ...DATABASE, tls: 'off' } },
      says: /database\.tls: 'off' is for a server on this machine/,
    },
    {
      what: 'a network of one subnet',
      context: { network: { ...NETWORK, subnetIds: ['subnet-0123456789abcdef0'] } },
      says: /network\.subnetIds: .*>=2/,
    },
    {
      what: 'a network without a security group',
      context: { network: { ...NETWORK, securityGroupIds: [] } },
      says: /network\.securityGroupIds: .*>=1/,
    },
    {
      what: 'a network named otherwise than by its id',
      context: { network: { ...NETWORK, vpcId: 'main' } },
      says: /network\.vpcId: is not the id of a VPC: 'vpc-…'/,
    },
  ])('refuses $what', ({ context, says }) => {
    expect(() => parseContext(context)).toThrow(UserMistake);
    expect(() => parseContext(context)).toThrow(says);
  });

  test('lists everything that is wrong at once', () => {
    expect(() => parseContext({ stage: 'Dev', stge: 1, network: {} })).toThrow(
      /stage: .*\n.*network\.vpcId: .*\n.*network\.subnetIds: .*\n.*network\.securityGroupIds: .*\n.*'stge': no such key/,
    );
  });
});
