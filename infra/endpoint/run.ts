import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { whyOf } from '../emulator/why.ts';
import { clientsOf } from './clients.ts';
import { explained } from './faults.ts';
import { openJournal } from './journal.ts';
import { openProgress } from './progress.ts';
import { openTakeover, type Takeover } from './takeover.ts';

export interface MappingsOptions {
  /** `http://127.0.0.1:4566`. */
  readonly endpoint: string;
  /** Goes on when all are caught up, until the signal aborts. */
  readonly follow: boolean;
  /** Every poll, batch, invocation and checkpoint too, as JSON lines. */
  readonly trace: boolean;
  /** The folder of the journals, one an endpoint. */
  readonly journals: string;
}

const LOOK_EVERY_MILLIS = 1_000;

/**
 * Does an endpoint's Kinesis mappings as Lambda does them, and gives them back at the end, however it ends. Rejects
 * with the signal's reason when that aborts before all are caught up; when it follows, that is its end.
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
    await doMappings(takeover, { endpoint, follow }, { say, signal });
  } catch (error) {
    throw explained(error, endpoint);
  } finally {
    progress.tell();
    await takeover.giveBack().catch((error: unknown) => {
      throw explained(error, endpoint);
    });
    journal.close();
  }
}

async function doMappings(
  takeover: Takeover,
  { endpoint, follow }: Pick<MappingsOptions, 'endpoint' | 'follow'>,
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  await takeover.look();
  const count = takeover.names().length;
  if (count === 0 && !follow) {
    return say(
      `There are no Kinesis mappings to do at ${endpoint} in this region: is it another (export AWS_REGION=…)?`,
    );
  }
  say(
    follow
      ? `Doing ${count} of the mappings of ${endpoint}, and those to come. Ctrl-C gives them back.`
      : `Doing ${count} of the mappings of ${endpoint} until they have caught up.`,
  );
  await (follow ? followUntilAborted(takeover, signal) : untilAborted(takeover.caughtUp(), signal));
}

async function followUntilAborted(takeover: Takeover, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await takeover.look();
    await delay(LOOK_EVERY_MILLIS, undefined, { signal }).catch(() => undefined);
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
    throw new UserMistake(`the endpoint '${endpoint}' is no URL: give one such as http://127.0.0.1:4566`);
  }
  return url;
}
