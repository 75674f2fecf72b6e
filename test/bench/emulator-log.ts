import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { dirname } from 'node:path';
import { systemClock } from '../../infra/emulator/clock.ts';
import { createLog } from '../../infra/emulator/log/log.ts';
import { startLogServer } from '../../infra/emulator/log/server.ts';
import { type Measured, measure, runAlone } from './rounds.ts';

const rounds = 9;
const putsPerRound = 4;
const getsPerRound = 4;
const recordsPerPut = 500;
const recordBytes = 300;
const readRecords = 10_000;

/**
 * Compares PutRecords and GetRecords over HTTP/1.1 with kinesis-local and kinesalite. Each server has its own process,
 * and requests and answers are bytes, so that no client is measured. The answers are compared first. Every round puts
 * into a new stream, because kinesis-local gets slower with each record in a stream.
 */
async function emulatorLogBench(): Promise<Measured[]> {
  await using servers = await startServers();
  const { ours, kinesisLocal, kinesalite } = servers;
  await compareAnswers([ours, kinesisLocal, kinesalite], putsPerRound);
  const reads = await compareAnswers([ours, kinesalite], readRecords / recordsPerPut);
  return [
    await putContest(ours, kinesisLocal, 20),
    await putContest(ours, kinesalite, 2),
    await measure({
      name: `${getsPerRound} GetRecords of ${readRecords} × ${recordBytes} B`,
      versus: kinesalite.name,
      target: 5,
      rounds,
      ours: () => getMany(ours, reads),
      other: () => getMany(kinesalite, reads),
    }),
  ];
}

interface Server {
  readonly name: string;
  readonly call: (operation: string, body: string) => Promise<Buffer>;
}

function putContest(ours: Server, other: Server, target: number): Promise<Measured> {
  let stream = '';
  return measure({
    name: `${putsPerRound} PutRecords of ${recordsPerPut} × ${recordBytes} B`,
    versus: other.name,
    target,
    rounds,
    async before() {
      stream = await newStream([ours, other]);
    },
    ours: () => putMany(ours, stream, putsPerRound),
    other: () => putMany(other, stream, putsPerRound),
  });
}

async function putMany(server: Server, StreamName: string, calls: number): Promise<void> {
  const body = JSON.stringify({ StreamName, Records: records });
  for (let call = 0; call < calls; call++) await server.call('PutRecords', body);
}

async function getMany(server: Server, StreamName: string): Promise<void> {
  const body = await iteratorBody(server, StreamName);
  for (let call = 0; call < getsPerRound; call++) await server.call('GetRecords', body);
}

const records = Array.from({ length: recordsPerPut }, (_, index) => ({
  PartitionKey: `sensor-${index % 97}`,
  Data: Buffer.alloc(recordBytes, `reading ${index} `).toString('base64'),
}));

/**
 * Puts the same records into a new stream of each server. Throws unless all answers are equal. Returns the stream's
 * name.
 */
async function compareAnswers(servers: Server[], calls: number): Promise<string> {
  const stream = await newStream(servers);
  const [ours, ...others] = await Promise.all(
    servers.map(async (server) => {
      const put = await ask(server, 'PutRecords', { StreamName: stream, Records: records });
      await putMany(server, stream, calls - 1);
      const got = JSON.parse((await server.call('GetRecords', await iteratorBody(server, stream))).toString());
      return JSON.stringify({
        failed: put.FailedRecordCount,
        shards: put.Records.map(({ ShardId }: { ShardId: string }) => ShardId),
        records: got.Records.map(({ PartitionKey, Data }: Record<string, string>) => ({ PartitionKey, Data })),
        behind: got.MillisBehindLatest,
      });
    }),
  );
  const expected = JSON.stringify(Array.from({ length: calls }, () => records).flat());
  if (!ours?.includes(expected)) throw new Error('the log does not return the records that were put');
  if (others.some((other) => other !== ours)) throw new Error('the servers answer differently');
  return stream;
}

let streamsMade = 0;

async function newStream(servers: Server[]): Promise<string> {
  const StreamName = `stream-${++streamsMade}`;
  for (const server of servers) {
    await ask(server, 'CreateStream', { StreamName, ShardCount: 1 });
    await active(server, StreamName);
  }
  return StreamName;
}

async function active(server: Server, StreamName: string): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await ask(server, 'DescribeStreamSummary', { StreamName });
    if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') return;
    await systemClock().sleep(5);
  }
}

async function iteratorBody(server: Server, StreamName: string): Promise<string> {
  const input = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  return JSON.stringify(await ask(server, 'GetShardIterator', input));
}

async function ask(server: Server, operation: string, input: object) {
  const answer = await server.call(operation, JSON.stringify(input));
  return answer.length === 0 ? undefined : JSON.parse(answer.toString());
}

async function startServers() {
  const children: ChildProcess[] = [];
  const agent = new Agent({ keepAlive: true });
  const start = async (name: string, child: ChildProcess, port: number): Promise<Server> => {
    children.push(child);
    child.once('exit', (code) => child.killed || process.stderr.write(`${name} exited with ${code}\n`));
    const call = (operation: string, body: string) => post({ agent, port, operation, body });
    const ready = () =>
      call('ListStreams', '{}').then(
        () => true,
        () => false,
      );
    while (!(await ready())) await systemClock().sleep(50);
    return { name, call };
  };
  const self = async (name: string) => {
    const port = await freePort();
    return start(
      name,
      spawn(process.execPath, [import.meta.filename, 'serve', name, `${port}`], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
      port,
    );
  };
  const mock = createRequire(import.meta.url).resolve('kinesis-local/main.js');
  const [plain, tls] = [await freePort(), await freePort()];
  const env = {
    ...process.env,
    KINESIS_MOCK_PLAIN_PORT: `${plain}`,
    KINESIS_MOCK_TLS_PORT: `${tls}`,
    CREATE_STREAM_DURATION: '1ms',
    SHARD_LIMIT: '1000',
    LOG_LEVEL: 'ERROR',
  };
  return {
    ours: await self('millrace'),
    kinesalite: await self('kinesalite'),
    // The server reads its certificate from its working folder.
    kinesisLocal: await start(
      'kinesis-local',
      spawn(process.execPath, [mock], { cwd: dirname(mock), env, stdio: 'ignore' }),
      plain,
    ),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      const exits = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill();
      await Promise.all(exits);
    },
  };
}

interface Post {
  readonly agent: Agent;
  readonly port: number;
  readonly operation: string;
  readonly body: string;
}

function post({ agent, port, operation, body }: Post): Promise<Buffer> {
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(body),
    'x-amz-target': `Kinesis_20131202.${operation}`,
    'x-amz-date': '20260131T120000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=any/20260131/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=any',
  };
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(`${operation} was answered ${response.statusCode}: ${answer}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function serve(name: string, port: number): Promise<void> {
  if (name === 'millrace') {
    const log = createLog({ clock: systemClock(), seed: 1, limits: 'off', transitionMillis: 1 });
    await startLogServer(log, { port, host: '127.0.0.1' });
    return;
  }
  createRequire(import.meta.url)('kinesalite')({ createStreamMs: 1, shardLimit: 1_000 }).listen(port, '127.0.0.1');
}

if (import.meta.main) {
  const [role, name = '', port] = process.argv.slice(2);
  if (role === 'serve') await serve(name, Number(port));
  else await runAlone(emulatorLogBench);
}
