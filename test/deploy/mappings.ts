import { join } from 'node:path';
import { ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import type { Check } from '../../infra/local/demo/checks.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { keepRunning, type Running, run } from './command.ts';
import type { Deployed } from './deployed.ts';
import type { Server } from './server.ts';

/** Runs the server's Kinesis mappings with `millrace mappings --follow` until the returned command is interrupted. */
export async function followMappings(server: Server, folder: string, running: AsyncDisposableStack): Promise<Running> {
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'mappings', '--follow'];
  const mappings = keepRunning(command, { cwd: folder, env: server.env, log: join(folder, 'mappings.log') });
  running.defer(async () => {
    await mappings.interrupt();
  });
  await mappings.said(/Running \d+ mappings/);
  return mappings;
}

/** Runs the mappings until all have caught up. */
export async function catchUpMappings(server: Server, folder: string): Promise<void> {
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'mappings'];
  await run(command, { cwd: folder, env: server.env, log: join(folder, 'mappings.log') });
}

/** Interrupts `millrace mappings --follow`, and checks that it enables the server's mappings again. */
export async function givenBack(
  mappings: Running | undefined,
  { clients, names }: Deployed,
): Promise<readonly Check[]> {
  const states = async (): Promise<string> => {
    const { EventSourceMappings = [] } = await clients.lambda.send(new ListEventSourceMappingsCommand());
    return EventSourceMappings.filter(
      ({ EventSourceArn = '', FunctionArn = '' }) =>
        EventSourceArn.includes(':kinesis:') && FunctionArn.includes(`:${names.platformStack}-`),
    )
      .map(({ State = '' }) => State)
      .join(' ');
  };
  const before = await states();
  const code = await mappings?.interrupt();
  return [
    { what: 'mappings while they are followed', expected: 'Disabled '.repeat(5).trim(), found: before },
    { what: 'mappings after Ctrl-C', expected: 'Enabled '.repeat(5).trim(), found: await states() },
    { what: 'exit code', expected: 0, found: code ?? 'none' },
  ];
}
