import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { whyNoImport } from './abilities.ts';
import { counted, openResults } from './results.ts';

/** Answers each action with a status and a text; 200 and nothing by default. */
async function whyNoImportOf(answers: Readonly<Record<string, readonly [status: number, said: string]>>) {
  const actions: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const action = new URLSearchParams(body).get('Action') ?? '';
    actions.push(action);
    const [status, said] = answers[action] ?? [200, ''];
    response.writeHead(status).end(said);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  try {
    const why = await whyNoImport({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials });
    return { why, actions };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('a server that has change sets of type IMPORT can import, and keeps nothing of the question', async () => {
  expect(await whyNoImportOf({})).toEqual({
    why: undefined,
    actions: ['CreateChangeSet', 'DeleteChangeSet', 'DeleteStack'],
  });
});

test('a server that only refuses this change set can import', async () => {
  const refused = [400, '<Code>ValidationError</Code>'] as const;
  expect((await whyNoImportOf({ CreateChangeSet: refused })).why).toBeUndefined();
});

test.each([
  [501, '<Code>InternalFailure</Code>'],
  [500, '<Code>InternalError</Code>'],
  [400, '<Message>API action CreateChangeSet with type IMPORT not yet implemented</Message>'],
])('a server that answers a change set of type IMPORT with %i %s cannot import', async (status, said) => {
  const { why, actions } = await whyNoImportOf({ CreateChangeSet: [status, said] });
  expect(why).toBe('it has no change sets of type IMPORT');
  expect(actions).toEqual(['CreateChangeSet']);
});

test('a step that the server cannot do counts as skipped, says why, and the next one is run', async () => {
  const said: string[] = [];
  const results = openResults((line) => said.push(line));
  results.skip('cdk import', 'this server cannot');
  await results.step('cdk destroy', async () => [{ what: 'left', expected: 0, found: 0 }]);
  expect(said.join('\n')).toMatch(/cdk import\n {4}– skipped: this server cannot\n.*cdk destroy/);
  expect(counted(results)).toBe('1 passed, 0 failed, 1 skipped');
});
