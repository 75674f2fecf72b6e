import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Starts another implementation of Kinesis in a process of its own. Its streams change at once. */
export async function startKinesisLocal(): Promise<{ client: KinesisClient; close: () => Promise<void> }> {
  const main = createRequire(import.meta.url).resolve('kinesis-local/main.js');
  const [plain, tls] = [await freePort(), await freePort()];
  const durations = ['CREATE_STREAM', 'DELETE_STREAM', 'SPLIT_SHARD', 'MERGE_SHARDS', 'UPDATE_SHARD_COUNT'];
  const env = {
    ...process.env,
    ...Object.fromEntries(durations.map((name) => [`${name}_DURATION`, '0ms'])),
    KINESIS_MOCK_PLAIN_PORT: `${plain}`,
    KINESIS_MOCK_TLS_PORT: `${tls}`,
    SHARD_LIMIT: '100000',
    LOG_LEVEL: 'ERROR',
  };
  // kinesis-local reads its certificate from its working directory.
  const child = spawn(process.execPath, [main], { cwd: dirname(main), env, stdio: 'ignore' });
  const client = new KinesisClient({
    endpoint: `http://127.0.0.1:${plain}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler(),
  });
  await answering(client, child);
  return {
    client,
    async close() {
      client.destroy();
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    },
  };
}

async function answering(client: KinesisClient, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const answers = await client.send(new ListStreamsCommand({})).then(
      () => true,
      () => false,
    );
    if (answers) return;
    await sleep(50);
  }
  throw new Error(`kinesis-local exited with ${child.exitCode}`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
