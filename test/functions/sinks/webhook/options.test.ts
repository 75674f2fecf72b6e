import { expect, test } from 'vitest';
import { z } from 'zod';
import { slackSink, webhookDefinition, webhookSink } from '../../../../functions/sinks/webhook/webhook.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { openSinkWith } from '../../../contracts/sink-harnesses.ts';

test.each([
  'http://example.com',
  'ftp://example.com',
  'https://user:password@example.com',
  'https://example.com/#part',
  'example.com',
  'https://example.com/a b',
])('the URL %s is refused', (url) => {
  expect(() => webhookSink({ url })).toThrow('url: is a URL of https, without a user, a password or a #');
});

test.each([
  [{ 'Webhook-Id': 'x' }, 'contain webhook-id, which the sink sets itself'],
  [{ host: 'x' }, 'contain host, which the sink sets itself'],
  [{ a: '1', A: '2' }, 'name one header twice'],
  [{ 'a b': '1' }, "contain 'a b', which is no name of a header"],
  [{ a: 'b\r\nc: d' }, 'is a value of at most 1,000 printable characters'],
  [Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`h${n}`, 'x'])), 'are 21: at most 20 are possible'],
])('the headers %j are refused', (headers, why) => {
  expect(() => webhookSink({ headers: headers as Record<string, string> })).toThrow(why);
});

test('a message that the function could not write is refused when the pipeline is loaded', () => {
  expect(() => slackSink({ message: 'Order {nr}' })).toThrow('message: has {nr}: use {data.<field>}');
});

test('a message that names a field that the stream does not declare is refused', () => {
  const pipeline = (message: string) =>
    definePipeline({
      name: 'p',
      streams: { sales: { schema: z.object({ total: z.number() }) } },
      sinks: { channel: { from: 'sales', write: slackSink({ message }) } },
    });
  expect(() => pipeline('{data.total}')).not.toThrow();
  expect(() => pipeline('{data.totl}')).toThrow(/step 'channel': .*'totl'/);
});

test('a function without the secret that its options need says so', () => {
  const open = () => openSinkWith(webhookDefinition, { options: { signed: true }, resources: {} });
  expect(open).toThrow("step 'pipeline/step': its resources name no secret with the URL: deploy the pipeline again");
});
