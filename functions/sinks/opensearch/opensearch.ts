import { z } from 'zod';
import { isHere } from '../../clients/endpoint.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { sleepFor } from '../../runtime/log/back-off.ts';
import { defineSink, type OpenSink, type Sink, type SinkDefinition } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { openedOnce } from '../../runtime/versions/destination.ts';
import type { SearchServer, Sending } from './ask.ts';
import { type Authorization, loggedInBy, nobody, signedFor } from './authorize.ts';
import { type OpenSearchOptions, Options } from './options.ts';
import { checkIndex, highestGeneration, isEmpty, nextGeneration, openIndex, type StepIndex } from './own-index.ts';
import { SearchField } from './search-field.ts';
import { sendByFetch } from './send.ts';
import { writeDocuments } from './write-documents.ts';

const Resources = z.strictObject({
  /** What stands before an index's name. */
  indexPrefix: z.string().min(1),
  /** The fields of documents, derived from the stream's schema. */
  fields: z.array(SearchField),
  /** The ARN of the secret with user and password. Set when the options have no ARN. */
  loginSecret: z.string().min(1).optional(),
  /** Set on a laptop only: where requests go that would leave this machine. */
  laptop: z.strictObject({ server: z.url() }).optional(),
});
type Resources = z.infer<typeof Resources>;

/** A slice is in memory, and its writes have to end within an invocation. */
const MOST_EVENTS = 10_000;

/**
 * Keeps the latest event of each key as a document of an OpenSearch index. OpenSearch itself compares versions
 * (`version_type: external`), so neither a repeat nor an older event changes anything. An event of a type that ends
 * with `.deleted` leaves a tombstone: OpenSearch forgets the version of a document that was deleted after a minute.
 */
export const openSearchDefinition = openSearchOver({ send: sendByFetch, sleep: sleepFor, random: Math.random });

/** Returns the definition over another way to send and to wait, for tests. */
export function openSearchOver(sending: Sending): SinkDefinition<OpenSearchOptions, Resources> {
  return defineSink({
    options: Options,
    resources: Resources,
    into: (options, place) => ({ ...options, index: `${options.index}--${place}` }),
    doubles: () => false,
    mostEvents: () => MOST_EVENTS,
    open({ step, formerly, options, resources }): OpenSink {
      const { document, create, tombstoneDays } = options;
      const { indexPrefix, fields } = resources;
      const index = `${indexPrefix}${options.index}`;
      const server = serverOf(step, options, { ...sending, resources });
      const of: StepIndex = { server, index, step, formerly, create, fields };
      const { opened, recheck, forget } = openedOnce({
        open: async (signal) => {
          await openIndex(of, signal);
          return true;
        },
        look: (signal) => checkIndex(of, signal),
        changed: () => new UserMistake(`the index ${index} is gone`),
      });
      return {
        async write(slice) {
          try {
            const writing = { server, index, opened, recheck, document, tombstoneDays, now: () => Date.now() };
            return await writeDocuments(slice, writing);
          } catch (error) {
            // Somebody may have deleted the index.
            forget();
            throw error;
          }
        },
        generations: {
          async highest(signal) {
            await opened(signal);
            return highestGeneration(of, signal);
          },
          async next(above, signal) {
            await opened(signal);
            return nextGeneration(of, above, signal);
          },
        },
        isEmpty: (signal) => isEmpty(of, signal),
      };
    },
  });
}

function serverOf(
  step: string,
  { endpoint, arn }: OpenSearchOptions,
  { resources, ...sending }: Sending & { readonly resources: Resources },
): SearchServer {
  const { laptop, loginSecret } = resources;
  if (laptop !== undefined)
    return { ...sending, endpoint: isHere(new URL(endpoint)) ? endpoint : laptop.server, authorization: nobody };
  return { ...sending, endpoint, authorization: authorizationOf(step, { arn, loginSecret }) };
}

function authorizationOf(
  step: string,
  { arn, loginSecret }: { readonly arn: string | undefined; readonly loginSecret: string | undefined },
): Authorization {
  if (arn !== undefined) return signedFor(arn);
  if (loginSecret !== undefined) return loggedInBy(loginSecret);
  throw new UserMistake(`step '${step}': its resources name no secret with the login: deploy the pipeline again`);
}

/**
 * Keeps the latest event of each key in an index of OpenSearch: `openSearchSink({ endpoint: 'https://…', index:
 * 'orders', arn: 'arn:aws:es:…' })`. docs/connectors.md explains every option, in the words of `Options`.
 */
export function openSearchSink(
  options: z.input<typeof Options>,
): Sink<unknown, 'either'> & { readonly connector: 'opensearch' } {
  return {
    connector: 'opensearch',
    entry: import.meta.url,
    options: parseOrExplain(Options, options, 'openSearchSink'),
    delivery: 'either',
  };
}

export const handler = sinkHandler(openSearchDefinition);
