import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseContext } from '../../../infra/context.ts';

const DATABASE = {
  host: 'db.example.com',
  name: 'shop',
  user: 'sinks',
  secret: 'arn:aws:secretsmanager:…',
  ca: 'public',
};
const ENDPOINT = 'shop.abcdefghijkl.eu-west-1.rds.amazonaws.com';
const { secret: _, ca: __, ...SERVER } = { ...DATABASE, host: ENDPOINT };
const BY_IAM = { ...SERVER, resourceId: 'db-ABC123' };
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const NETWORK = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  securityGroupIds: ['sg-0123456789abcdef0'],
};

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:alarms';
const DEFAULTS = { stage: 'dev', removal: 'retain', databases: {}, native: 'lambda' };

describe('the context', () => {
  test('is the stage dev by default', () => {
    expect(parseContext({})).toEqual(DEFAULTS);
  });

  test('accepts objects as in cdk.json and as on the command line', () => {
    const expected = { ...DEFAULTS, stage: 'prod', database: { ...DATABASE, port: 5_432 }, network: NETWORK };
    expect(parseContext({ stage: 'prod', database: DATABASE, network: NETWORK })).toEqual(expected);
    expect(
      parseContext({ stage: 'prod', database: JSON.stringify(DATABASE), network: JSON.stringify(NETWORK) }),
    ).toEqual(expected);
  });

  test("ignores the CDK's own keys", () => {
    const ofCdk = {
      '@aws-cdk/core:newStyleStackSynthesis': true,
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:bundling-stacks': ['**'],
      'availability-zones:account=1:region=eu-west-1': ['eu-west-1a'],
      'acknowledged-issue-numbers': [1],
      'cli-telemetry': false,
    };
    expect(parseContext(ofCdk)).toEqual(DEFAULTS);
  });

  test.each(['orders,sensors', 'orders, sensors', ['orders', 'sensors'], '["orders", "sensors"]'])(
    'accepts the pipelines %j',
    (pipelines) => {
      expect(parseContext({ pipelines }).pipelines).toEqual(['orders', 'sensors']);
    },
  );

  test.each(['eu-west-1a,eu-west-1c', 'eu-west-1a, eu-west-1c', ['eu-west-1a', 'eu-west-1c']])(
    'accepts the zones %j',
    (zones) => {
      expect(parseContext({ zones }).zones).toEqual(['eu-west-1a', 'eu-west-1c']);
    },
  );

  test('accepts the topic of alarms, the removal policy and more databases', () => {
    expect(
      parseContext({ removal: 'destroy', alarms: TOPIC, databases: JSON.stringify({ warehouse: BY_IAM }) }),
    ).toEqual({
      stage: 'dev',
      removal: 'destroy',
      alarms: TOPIC,
      databases: { warehouse: { ...BY_IAM, port: 5_432 } },
      native: 'lambda',
    });
  });

  test.each([
    ENDPOINT,
    'shop.abcdefghijkl.rds.cn-north-1.amazonaws.com.cn',
    'shop.proxy-abc.us-gov-west-1.rds.amazonaws.com',
  ])('knows that %s is RDS, which needs no authority', (host) => {
    expect(parseContext({ database: { ...BY_IAM, host } }).database).toMatchObject({ host });
  });

  test('reads the authority of a server that is not RDS from a PEM file, and nothing else that stands there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-ca-'));
    try {
      const path = join(folder, 'ca.pem');
      const [first = '', ...others] = rootCertificates;
      await writeFile(
        path,
        `subject=somebody\n${first}\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
      );
      const ca = parseContext({ database: { ...DATABASE, ca: path } }).database?.ca ?? '';
      expect(new X509Certificate(ca).fingerprint256).toBe(new X509Certificate(first).fingerprint256);
      expect(ca).not.toContain('PRIVATE KEY');
      await writeFile(path, others.join('\n'));
      expect(() => parseContext({ database: { ...DATABASE, ca: path } })).toThrow(
        /database\.ca: '.*ca\.pem' has \d+ certificates with \d+ bytes, and a function takes 2500/,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test.each([
    {
      what: 'an unknown key',
      context: { stge: 'dev' },
      says: /'stge': unknown key; use one of stage, pipelines, removal, alarms, database, databaseClass, databases, network, zones, native, key$/,
    },
    {
      what: 'a stage with a hyphen',
      context: { stage: 'my-dev' },
      says: /stage: a stage has 1 to 12 characters of a-z and 0-9/,
    },
    { what: 'a stage with capitals', context: { stage: 'Dev' }, says: /stage: a stage has 1 to 12/ },
    { what: 'an empty stage', context: { stage: '' }, says: /stage: a stage has 1 to 12/ },
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
      says: /database: 'password': unknown key; use one of host, port, name, user, secret, key, reader, maxConnections, resourceId, ca, tls/,
    },
    {
      what: 'a database on another machine without TLS',
      context: { database: { ...DATABASE, tls: 'off' } },
      says: /database\.tls: 'off' is only for a server on this machine/,
    },
    {
      what: 'a database with two ways to log in',
      context: { database: { ...DATABASE, resourceId: 'db-ABC' } },
      says: /database\.secret: a database has either a 'secret', .*, or a 'resourceId'/,
    },
    {
      what: 'a database with none',
      context: { database: { ...DATABASE, secret: undefined } },
      says: /database\.secret: a database has either/,
    },
    {
      what: "an instance's name for its resource id",
      context: { database: { ...BY_IAM, resourceId: 'my-db' } },
      says: /database\.resourceId: is not the resource id of an RDS instance: 'db-…'/,
    },
    {
      what: 'a server that is not RDS without saying who signed its certificate',
      context: { database: { ...SERVER, host: 'db.example.com', secret: DATABASE.secret } },
      says: /database\.ca: 'db\.example\.com' is not an endpoint of RDS .* add 'ca', the path of a PEM file/,
    },
    {
      what: 'IAM for a server that is not RDS',
      context: { database: { ...BY_IAM, host: 'db.example.com' } },
      says: /database\.host: to log in by IAM, .* such as 'shop\.[a-z]+\.eu-west-1\.rds\.amazonaws\.com', not 'db\.example\.com'.*'secret' and 'ca'/,
    },
    {
      what: 'another authority for RDS',
      context: { database: { ...BY_IAM, ca: 'public' } },
      says: /database\.ca: the authorities of RDS are known, .*: leave it out/,
    },
    {
      what: 'an authority without TLS',
      context: { database: { ...DATABASE, host: '127.0.0.1', tls: 'off' } },
      says: /database\.ca: tls is 'off', so there is no certificate/,
    },
    {
      what: 'a file of certificates that does not exist',
      context: { databases: { warehouse: { ...DATABASE, ca: 'certs/none.pem' } } },
      says: /databases\.warehouse\.ca: 'certs\/none\.pem' cannot be read \(ENOENT\): name a PEM file by its path/,
    },
    {
      what: 'a file without a certificate',
      context: { database: { ...DATABASE, ca: 'package.json' } },
      says: /database\.ca: 'package\.json' has no certificate/,
    },
    {
      what: 'the alias of a key',
      context: { key: 'arn:aws:kms:eu-west-1:123456789012:alias/ours' },
      says: /key: use the ARN of a KMS key, not of an alias/,
    },
    {
      what: 'the key of a secret that a database does not have',
      context: { database: { ...BY_IAM, key: KEY } },
      says: /database\.key: the key encrypts the secret, and this database has no 'secret'/,
    },
    {
      what: 'a wrong database beside the first',
      context: { databases: { warehouse: { ...DATABASE, host: '' } } },
      says: /databases\.warehouse\.host: /,
    },
    { what: 'a removal that is neither', context: { removal: 'keep' }, says: /removal: .*"retain"\|"destroy"/ },
    { what: 'a topic by its name', context: { alarms: 'alarms' }, says: /alarms: is not the ARN of an SNS topic/ },
    { what: 'no pipelines at all', context: { pipelines: '' }, says: /pipelines: / },
    { what: 'one zone', context: { zones: 'eu-west-1a' }, says: /zones: a database needs at least two zones/ },
    { what: 'a zone twice', context: { zones: 'eu-west-1a,eu-west-1a' }, says: /zones: name each zone once/ },
    {
      what: 'a region for a zone',
      context: { zones: 'eu-west-1,eu-west-1b' },
      says: /zones\.0: is not the name of a zone: 'eu-west-1a'/,
    },
    {
      what: 'zones for a network that exists',
      context: { zones: 'eu-west-1a,eu-west-1b', network: NETWORK },
      says: /zones: zones are for the network that the stage creates, and with 'network' it creates none/,
    },
    {
      what: 'zones without a network, because the database exists',
      context: { zones: 'eu-west-1a,eu-west-1b', database: DATABASE },
      says: /zones: .* with 'database' it creates none: leave one of them out/,
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

  test('lists all mistakes at once', () => {
    expect(() => parseContext({ stage: 'Dev', stge: 1, network: {} })).toThrow(
      /stage: .*\n.*network\.vpcId: .*\n.*network\.subnetIds: .*\n.*network\.securityGroupIds: .*\n.*'stge': unknown key/,
    );
  });
});
