import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../../../infra/emulator/invoke.ts';
import type { FunctionDefinition } from '../../../../infra/emulator/lambda-host/function-definition.ts';
import { type LambdaHost, startLambdaHost } from '../../../../infra/emulator/lambda-host/host.ts';
import { isAlive } from '../../../../infra/is-alive.ts';
import { eventually } from '../../../eventually.ts';
import { seededRandom } from '../mapping/seeded-random.ts';

let folder: string;
let host: LambdaHost | undefined;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lambda-host-'));
  lines = [];
});

afterEach(async () => {
  await host?.close();
  await rm(folder, { recursive: true });
});

const identity = { region: 'eu-west-1', accountId: '000000000000', accessKeyId: 'local', secretAccessKey: 'local' };

async function define(code: string, changes: Partial<FunctionDefinition> = {}): Promise<FunctionDefinition> {
  const bundlePath = join(folder, `bundle-${Math.random()}.mjs`);
  await writeFile(bundlePath, code);
  return {
    name: 'load',
    bundlePath,
    handlerName: 'index.handler',
    environment: {},
    // Longer than any test takes: only the tests of the limit itself set a shorter one.
    timeoutMillis: 900_000,
    memoryMb: 128,
    ...changes,
  };
}

async function start(
  code: string,
  changes: Partial<FunctionDefinition> = {},
  clock: Clock = systemClock(),
): Promise<LambdaHost> {
  const onLog = (name: string, line: string) => lines.push(`${name}: ${line}`);
  host = startLambdaHost({
    functions: [await define(code, changes)],
    clock,
    onLog,
    identity,
    random: seededRandom(1),
  });
  return host;
}

async function run(code: string, changes: Partial<FunctionDefinition> = {}): Promise<InvokeResult> {
  return await (await start(code, changes)).invoke('load', '{"n":1}', { requestId: 'r1' });
}

const returned = (value: unknown) => ({ outcome: 'returned', payload: JSON.stringify(value) });
const counting = 'let calls = 0; export const handler = async () => ({ pid: process.pid, calls: ++calls });';
const payloadOf = (result: InvokeResult) => JSON.parse(result.outcome === 'returned' ? result.payload : '{}');

test('a function gets the event, and its answer is returned as JSON', async () => {
  expect(await run('export const handler = async (event) => ({ got: event });')).toEqual(returned({ got: { n: 1 } }));
});

test('a function that returns nothing answers null', async () => {
  expect(await run('export const handler = () => {};')).toEqual(returned(null));
});

test('the context has the request id, the function, its memory and the remaining time', async () => {
  const result = await run(
    `export const handler = async (event, c) => ({ ...c, left: c.getRemainingTimeInMillis() });`,
    { timeoutMillis: 5_000, memoryMb: 192 },
  );
  const { left, ...context } = payloadOf(result);
  expect(context).toMatchObject({
    awsRequestId: 'r1',
    functionName: 'load',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:load',
    memoryLimitInMB: '192',
  });
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(5_000);
});

test('the environment has the variables of the definition and of Lambda, and nothing of the parent process', async () => {
  process.env.OF_THE_PARENT = 'secret';
  const result = await run('export const handler = async () => process.env;', { environment: { STEP_CONFIG: '{}' } });
  delete process.env.OF_THE_PARENT;
  const environment = payloadOf(result);
  expect(environment).toMatchObject({
    STEP_CONFIG: '{}',
    AWS_REGION: 'eu-west-1',
    AWS_LAMBDA_FUNCTION_NAME: 'load',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
    AWS_ACCESS_KEY_ID: 'local',
    _HANDLER: 'index.handler',
  });
  const others = Object.keys(environment).filter((name) => !/^(AWS_|_HANDLER$|STEP_CONFIG$)/.test(name));
  expect(others.sort()).toEqual(['LAMBDA_TASK_ROOT', 'LANG', 'PATH', 'TZ']);
});

test.each([
  ['a reserved name', { AWS_REGION: 'x' }, /Reserved keys used in this request: AWS_REGION/],
  ['more than 4 KB', { STEP_CONFIG: 'x'.repeat(4_096) }, /exceeded the 4KB limit/],
])('an environment with %s is refused', async (_, environment, message) => {
  await expect(start(counting, { environment })).rejects.toThrow(message);
});

test('a warm instance is reused', async () => {
  const { invoke } = await start(counting);
  const first = payloadOf(await invoke('load', '{}'));
  const second = payloadOf(await invoke('load', '{}'));
  expect(second).toEqual({ pid: first.pid, calls: 2 });
});

test('a thrown error is Unhandled, with its type, message and stack, and the instance stays warm', async () => {
  const { invoke } = await start(
    `let calls = 0; export const handler = async () => { if (++calls === 1) throw new RangeError('too far'); return calls; };`,
  );
  const result = await invoke('load', '{}');
  expect(result).toMatchObject({
    outcome: 'error',
    functionError: 'Unhandled',
    errorType: 'RangeError',
    message: 'too far',
  });
  expect(result.outcome === 'error' && result.stackTrace?.[0]).toBe('RangeError: too far');
  expect(await invoke('load', '{}')).toEqual(returned(2));
});

test.each([
  ['a wait that does not end', 'await new Promise((r) => setTimeout(r, 60_000));'],
  ['an endless loop', 'for (;;);'],
])('%s times out, and the next call starts cold', async (_, body) => {
  const { clock, elapse } = steppedClock();
  const { invoke } = await start(
    `let calls = 0; export const handler = async (event) => { calls++; if (event.hang) { console.log('hangs'); ${body} } return calls; };`,
    { timeoutMillis: 1_000 },
    clock,
  );
  expect(await invoke('load', '{}')).toEqual(returned(1));
  const hanging = invoke('load', '{"hang":true}', { requestId: 'r2' });
  await eventually(() => expect(lines).toEqual(['load: hangs']));
  elapse();
  expect(await hanging).toMatchObject({
    outcome: 'error',
    functionError: 'Unhandled',
    errorType: 'Sandbox.Timedout',
    message: 'RequestId: r2 Error: Task timed out after 1.00 seconds',
  });
  expect(await invoke('load', '{}')).toEqual(returned(1));
});

test.each([
  [
    'on the heap',
    'for (const kept = []; ; ) kept.push(new Array(1e5).fill({}).map((_, n) => ({ n })));',
    /signal: (aborted|killed|trace\/breakpoint trap)/,
  ],
  [
    'off the heap',
    'const kept = []; for (;;) { kept.push(Buffer.alloc(4e6, 1)); await new Promise((r) => setTimeout(r, 5)); }',
    /signal: killed/,
  ],
])('a function that exceeds its memory %s dies, and the next call starts cold', async (_, body, reason) => {
  const { invoke } = await start(
    `export const handler = async (event) => { if (event.hog) { ${body} } return 'well'; };`,
  );
  const result = await invoke('load', '{"hog":true}');
  expect(result).toMatchObject({ outcome: 'error', functionError: 'Unhandled', errorType: 'Runtime.ExitError' });
  expect(result.outcome === 'error' && result.message).toMatch(reason);
  expect(await invoke('load', '{}')).toEqual(returned('well'));
});

test.each([
  [
    'process.exit(1)',
    'process.exit(1)',
    'Runtime.ExitError',
    'RequestId: r1 Error: Runtime exited with error: exit status 1',
  ],
  [
    'process.exit(0)',
    'process.exit(0)',
    'Runtime.ExitError',
    'RequestId: r1 Error: Runtime exited without providing a reason',
  ],
  [
    'an uncaught exception',
    `setTimeout(() => { throw new TypeError('late'); }); await new Promise(() => {});`,
    'TypeError',
    'late',
  ],
  [
    'an unhandled rejection',
    `void Promise.reject(new Error('lost')); await new Promise(() => {});`,
    'Runtime.UnhandledPromiseRejection',
    'lost',
  ],
])("%s ends the call with Lambda's error", async (...[, body, errorType, message]) => {
  const result = await run(`export const handler = async () => { ${body} };`);
  expect(result).toMatchObject({ outcome: 'error', functionError: 'Unhandled', errorType, message });
});

test('a crashed instance is replaced by a cold one', async () => {
  const { invoke } = await start(
    `let calls = 0; export const handler = async (event) => { if (event.crash) process.exit(1); return ++calls; };`,
  );
  expect(await invoke('load', '{}')).toEqual(returned(1));
  await invoke('load', '{"crash":true}');
  expect(await invoke('load', '{}')).toEqual(returned(1));
});

test.each([
  ['does not load', `throw new SyntaxError('broken bundle');`, 'SyntaxError', 'broken bundle'],
  [
    'exports no handler',
    'export const other = 1;',
    'Runtime.HandlerNotFound',
    'index.handler is undefined or not exported',
  ],
])('a bundle that %s fails the call', async (...[, code, errorType, message]) => {
  expect(await run(code)).toMatchObject({ outcome: 'error', functionError: 'Unhandled', errorType, message });
});

test.each([
  ['that is no JSON', 'return 1n;', 'Runtime.MarshalError'],
  ['of more than 6 MB', `return 'x'.repeat(7e6);`, 'Function.ResponseSizeTooLarge'],
])('an answer %s is a function error', async (_, body, errorType) => {
  expect(await run(`export const handler = async () => { ${body} };`)).toMatchObject({ outcome: 'error', errorType });
});

test('each line of output reaches the log', async () => {
  await run(`export const handler = async () => { console.log('one\\ntwo'); console.error('three'); };`);
  await host?.close();
  expect(lines.sort()).toEqual(['load: one', 'load: three', 'load: two']);
});

const slow = `export const handler = async (event) => { await new Promise((r) => setTimeout(r, event.millis ?? 0)); return process.pid; };`;

test('concurrent calls run in instances of their own', async () => {
  const { invoke } = await start(slow);
  const results = await Promise.all([1, 2].map(() => invoke('load', '{"millis":300}')));
  expect(new Set(results.map(payloadOf)).size).toBe(2);
});

test('a call above the reserved concurrency is throttled', async () => {
  const { invoke } = await start(slow, { maxConcurrency: 1 });
  const first = invoke('load', '{"millis":300}');
  expect(await invoke('load', '{}')).toEqual({ outcome: 'throttled' });
  expect((await first).outcome).toBe('returned');
  expect((await invoke('load', '{}')).outcome).toBe('returned');
});

test('calls after a reload run the new bundle, while the call under way ends with the old one', async () => {
  const { invoke, reload } = await start(
    `export const handler = async (event) => { await new Promise((r) => setTimeout(r, event.millis ?? 0)); return 'old'; };`,
  );
  expect(await invoke('load', '{}')).toEqual(returned('old'));
  const underWay = invoke('load', '{"millis":300}');
  reload(await define(`export const handler = async () => 'new';`));
  expect(await invoke('load', '{}')).toEqual(returned('new'));
  expect(await underWay).toEqual(returned('old'));
  expect(await invoke('load', '{}')).toEqual(returned('new'));
});

test('killing a function ends the call under way with a crash', async () => {
  const { invoke, kill } = await start(`console.log('up'); ${slow}`);
  const underWay = invoke('load', '{"millis":60000}', { requestId: 'r3' });
  while (lines.length === 0) await sleep(10);
  await kill('load');
  expect(await underWay).toMatchObject({
    outcome: 'error',
    errorType: 'Runtime.ExitError',
    message: 'RequestId: r3 Error: Runtime exited with error: signal: killed',
  });
});

test('closing the host ends every process', async () => {
  const { invoke, close } = await start(slow);
  const pid = payloadOf(await invoke('load', '{}'));
  await close();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await expect(invoke('load', '{}')).rejects.toThrow('the Lambda host is closed');
});

test('an instance ends when its host dies, even in an endless loop', async () => {
  const { bundlePath } = await define(`export const handler = async () => { console.log(process.pid); for (;;); };`);
  const program = join(folder, 'host.mts');
  await writeFile(program, hostProgram(bundlePath));
  const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  parent.kill('SIGKILL');
  while (isAlive(Number(line))) await sleep(20);
  expect(isAlive(Number(line))).toBe(false);
});

test.each([
  'load',
  'arn:aws:lambda:eu-west-1:000000000000:function:load',
  'arn:aws:lambda:eu-west-1:000000000000:function:load:live',
])('a function can be called as %s', async (name) => {
  const { invoke } = await start(slow);
  expect((await invoke(name, '{}')).outcome).toBe('returned');
});

test('calling an unknown function throws ResourceNotFoundException', async () => {
  const { invoke } = await start(slow);
  await expect(invoke('other', '{}')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

/** A clock for the host. Its sleeps last until the test ends those that have begun. */
function steppedClock(): { readonly clock: Clock; elapse(): void } {
  let sleepers: (() => void)[] = [];
  return {
    clock: {
      now: Date.now,
      sleep: (_, signal) =>
        new Promise((resolve, reject) => {
          sleepers.push(resolve);
          signal?.addEventListener('abort', () => reject(signal.reason));
        }),
    },
    elapse() {
      for (const wake of sleepers) wake();
      sleepers = [];
    },
  };
}

function hostProgram(bundlePath: string): string {
  const emulator = new URL('../../../../infra/emulator/', import.meta.url).href;
  const definition = {
    name: 'load',
    bundlePath,
    handlerName: 'handler',
    environment: {},
    timeoutMillis: 60_000,
    memoryMb: 128,
  };
  return `
    import { systemClock } from '${emulator}clock.ts';
    import { startLambdaHost } from '${emulator}lambda-host/host.ts';
    const host = startLambdaHost({
      functions: [${JSON.stringify(definition)}], clock: systemClock(), random: Math.random, identity: ${JSON.stringify(identity)},
      onLog: (name, line) => console.log(line),
    });
    await host.invoke('load', '{}');
  `;
}
