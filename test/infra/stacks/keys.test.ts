import { beforeAll, expect, test } from 'vitest';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { FOREIGN_STREAM, Line, lake, Order, orderOfLine, pushed, table } from '../pipelines/example.ts';
import { asText, type SynthesizedStage, synthesized } from './synthesized.ts';

const keyOf = (digit: number) =>
  `arn:aws:kms:eu-west-1:123456789012:key/${String(digit).repeat(8)}-12ab-34cd-56ef-1234567890ab`;
const [KEY, FORMER, THEIRS, OF_TOKENS, OF_PASSWORD] = [1, 2, 3, 4, 5].map(keyOf) as [
  string,
  string,
  string,
  string,
  string,
];
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:sinks-AbCdEf';
const OWN_STREAM = 'arn:<Partition>:kinesis:<Region>:<AccountId>:stream/millrace-dev-vault--lines';

const vault = definePipeline({
  name: 'vault',
  streams: {
    lines: { schema: Line, key: [KEY, FORMER] },
    theirs: { schema: Order, existing: FOREIGN_STREAM, key: THEIRS },
    plain: { schema: Order },
  },
  sources: { partners: { read: pushed({ callers: 'bearer' }), to: 'lines' } },
  transforms: {
    ordering: { from: 'lines', apply: orderOfLine, to: 'theirs' },
    plainly: { from: 'lines', apply: orderOfLine, to: 'plain', fanOut: true },
  },
  sinks: {
    lake: { from: 'theirs', write: lake(), every: minutes(5) },
    order_table: { from: 'plain', write: table({ table: 'orders', key: ['id'] }) },
  },
});

let stage: SynthesizedStage;
/** Every right to a key: `<function> <action> on <keys> for <stream or secret>`. */
let rights: readonly string[];

beforeAll(async () => {
  const database = { host: 'db.example.com', name: 'n', user: 'u', ca: 'public', secret: SECRET, key: OF_PASSWORD };
  stage = await synthesized({ key: OF_TOKENS, database }, [vault]);
  rights = [...stage.stacks.values()].flatMap(({ template }) =>
    Object.entries(template.findResources('AWS::IAM::Role')).flatMap(([role, { Properties }]) =>
      (Properties.Policies as Policy[])
        .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
        .filter(({ Action }) => [Action].flat().some((action) => action.startsWith('kms:')))
        .map((statement) => described(role.replace(/(Step)?Role[0-9A-F]{8}$/, ''), statement)),
    ),
  );
});

interface Policy {
  readonly PolicyDocument: { readonly Statement: readonly Statement[] };
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: { readonly StringEquals: Readonly<Record<string, unknown>> };
}

function described(role: string, { Action, Resource, Condition }: Statement): string {
  const [[name = '', value] = []] = Object.entries(Condition?.StringEquals ?? {});
  const context = name.replace('kms:EncryptionContext:', '');
  return `${role} ${[Action].flat().join()} on ${[Resource].flat().join()} for ${context} ${asText(value)}`;
}

test('a stream with a key is encrypted with it, and one without a key with that of AWS', () => {
  const streams = Object.values(stage.stack('millrace-dev-vault').template.findResources('AWS::Kinesis::Stream'));
  expect(streams.map(({ Properties }) => Properties.StreamEncryption.KeyId)).toEqual([KEY, 'alias/aws/kinesis']);
});

test('exactly the steps that read or append to a stream with a key may use the key, and for that stream only', () => {
  const stream = 'for aws:kinesis:arn';
  const ofStreams = rights.filter((right) => right.includes(stream));
  expect(ofStreams.toSorted()).toEqual(
    [
      // The mapping, the consumer with enhanced fan-out and the step itself read with the role of the function.
      `ordering kms:Decrypt on ${KEY},${FORMER} ${stream} ${OWN_STREAM}`,
      `plainly kms:Decrypt on ${KEY},${FORMER} ${stream} ${OWN_STREAM}`,
      `lake kms:Decrypt on ${THEIRS} ${stream} ${FOREIGN_STREAM}`,
      // The former key encrypts nothing any more.
      `partners kms:GenerateDataKey on ${KEY} ${stream} ${OWN_STREAM}`,
      `ordering kms:GenerateDataKey on ${THEIRS} ${stream} ${FOREIGN_STREAM}`,
    ].toSorted(),
  );
});

test('a token and the password of a database are decrypted by their readers only', () => {
  const [[token, secret] = []] = Object.entries(
    stage.stack('millrace-dev-vault').template.findResources('AWS::SecretsManager::Secret'),
  );
  expect(secret?.Properties.KmsKeyId).toBe(OF_TOKENS);
  expect(rights.filter((right) => right.includes('for SecretARN')).toSorted()).toEqual([
    `ordertable kms:Decrypt on ${OF_PASSWORD} for SecretARN ${SECRET}`,
    `partners kms:Decrypt on ${OF_TOKENS} for SecretARN <${token}>`,
  ]);
});

test('the function that makes dead letters of discarded records needs no key: Lambda has decrypted them', () => {
  const { template } = stage.stack('millrace-dev');
  expect(
    Object.keys(template.findResources('AWS::IAM::Role')).filter((role) => role.startsWith('GivenUp')).length,
  ).toBe(1);
  expect(JSON.stringify(template.toJSON())).not.toContain('kms:');
});
