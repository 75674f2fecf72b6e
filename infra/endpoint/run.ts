import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { whyOf } from '../emulator/why.ts';
import { clientsOf } from './clients.ts';
import { explainFault } from './faults.ts';
import { openJournal } from './journal.ts';
import { openProgress } from './progress.ts';
import { openTakeover, type Takeover } from './takeover.ts';

export interface MappingsOptions {
  /** `http://127.0.0.1:4566`. */
  readonly endpoint: string;
  /** True: continues after all mappings have caught up, until the signal aborts. */
  readonly follow: boolean;
  /** True: prints every poll, batch, invocation and checkpoint too, as JSON lines. */
  readonly trace: boolean;
  /** The folder of the journals: one file an endpoint. */
  readonly journals: string;
}

const SYNC_EVERY_MILLIS = 1_000;

/**
 * Runs an endpoint's Kinesis mappings as Lambda does, and gives them back at the end, also after an error. With
 * `follow`, resolves when the signal aborts. Without it, resolves when all mappings have caught up, and rejects with
 * the signal's reason when that aborts first.
 */
export async function runMappings(
  { endpoint, follow, trace, journals }: MappingsOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { host } = parsedUrl(endpoint);
  using clients = clientsOf(endpoint);
  const journal = openJournal(join(journals, `${host.replace(':', '-')}.json`));
  using progress = openProgress(say);
  const takeover = openTakeover({
    clients,
    journal,
    say,
    trace: (name) => (entry) => {
      progress.count(name, entry);
      const line = trace ? JSON.stringify({ mapping: name, ...entry }) : whyOf(name, entry);
      if (line !== undefined) say(line);
    },
  });
  try {
    await runUntilDone(takeover, { endpoint, follow }, { say, signal });
  } catch (error) {
    throw explainFault(error, endpoint);
  } finally {
    progress.print();
    await takeover.giveBack().catch((error: unknown) => {
      throw explainFault(error, endpoint);
    });
    journal.close();
  }
}

async function runUntilDone(
  takeover: Takeover,
  { endpoint, follow }: Pick<MappingsOptions, 'endpoint' | 'follow'>,
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  await takeover.sync();
  const count = takeover.names().length;
  if (count === 0 && !follow) {
    return say(`There are no Kinesis mappings at ${endpoint} in this region. For another region: export AWS_REGION=…`);
  }
  say(
    follow
      ? `Running ${count} mappings of ${endpoint}, and new ones as they appear. Ctrl-C gives them back.`
      : `Running ${count} mappings of ${endpoint} until they have caught up.`,
  );
  await (follow ? followUntilAborted(takeover, signal) : untilAborted(takeover.caughtUp(), signal));
}

async function followUntilAborted(takeover: Takeover, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await takeover.sync();
    await delay(SYNC_EVERY_MILLIS, undefined, { signal }).catch(() => undefined);
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  if (signal.aborted) aborted.reject(signal.reason);
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
  return Promise.race([work, aborted.promise]);
}

function parsedUrl(endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UserMistake(`the endpoint '${endpoint}' is not a URL: give one such as http://127.0.0.1:4566`);
  }
  return url;
}
