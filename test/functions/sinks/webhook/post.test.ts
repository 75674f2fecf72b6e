import { afterEach, expect, test } from 'vitest';
import { postByFetch } from '../../../../functions/sinks/webhook/post.ts';
import { noDeadline } from '../../../eventually.ts';
import { startReceiver } from '../../../kit/webhook-server.ts';

let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

async function posted(...answer: Parameters<typeof startReceiver>) {
  const receiver = await startReceiver(...answer);
  stop = receiver.stop;
  const request = { headers: { 'content-type': 'application/json' }, body: Buffer.from('{"n":1}') };
  return { receiver, answer: await postByFetch(`${receiver.url}/hook`, request, noDeadline()) };
}

test('a redirect is an answer, and is not followed', async () => {
  const { receiver, answer } = await posted(({ path }) =>
    path === '/hook' ? { status: 307, headers: { location: '/elsewhere' } } : { status: 200 },
  );
  expect(answer).toMatchObject({ status: 307, location: '/elsewhere' });
  expect(receiver.requests.map(({ path }) => path)).toEqual(['/hook']);
});

test('of an answer without end, only the start is read, and its connection ends', async () => {
  let isClosed: Promise<unknown> = Promise.resolve();
  const { answer } = await posted(() => (response) => {
    isClosed = new Promise((resolve) => response.on('close', resolve));
    response.writeHead(400);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(1_024)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  expect(answer).toMatchObject({ status: 400, start: 'x'.repeat(2_048) });
  await isClosed;
});

test('an answer that is no JSON, and no text, is an answer', async () => {
  const { answer } = await posted(() => ({ status: 200, body: Uint8Array.from([0xff, 0, 0xfe]) }));
  expect(answer.status).toBe(200);
});

test('a compressed answer is not unpacked further than its start', async () => {
  const { answer, receiver } = await posted(() => ({ status: 204, headers: { 'content-encoding': 'gzip' } }));
  expect(answer.status).toBe(204);
  expect(receiver.requests[0]?.headers['accept-encoding']).toBe('identity');
});
