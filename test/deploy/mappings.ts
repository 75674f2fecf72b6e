import { join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';
import { keepRunning, type Running } from './command.ts';
import type { Server } from './server.ts';

/** The server's Kinesis mappings, done by `millrace mappings` until it is interrupted. */
export async function followMappings(server: Server, folder: string, running: AsyncDisposableStack): Promise<Running> {
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'mappings', '--follow'];
  const mappings = keepRunning(command, { cwd: folder, env: server.env, log: join(folder, 'mappings.log') });
  running.defer(async () => {
    await mappings.interrupt();
  });
  await mappings.said(/Doing \d+ of the mappings/);
  return mappings;
}
