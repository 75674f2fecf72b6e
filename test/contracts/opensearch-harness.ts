import { z } from 'zod';
import { searchFieldsOf } from '../../functions/sinks/opensearch/fields.ts';
import { openSearchOver, openSearchSink } from '../../functions/sinks/opensearch/opensearch.ts';
import { freshIndex, startSearch, WITHOUT_WAITING } from '../kit/search-server.ts';
import { startFaultyNetwork } from './faulty-network.ts';
import { openSinkWith } from './sink-harnesses.ts';
import type { SinkHarness } from './sinks.ts';

/** Gives each event a document of its own, whose number says where in the log it came. */
export const openSearchHarness: SinkHarness = {
  keepsProgress: false,
  async open() {
    const server = await startSearch();
    const network = await startFaultyNetwork(Number(new URL(server.endpoint).port));
    const index = freshIndex();
    const endpoint = `http://127.0.0.1:${network.port}`;
    const { options } = openSearchSink({ endpoint, index, document: 'event' });
    const resources = {
      indexPrefix: 'test-',
      fields: searchFieldsOf(z.object({ n: z.int() })),
      laptop: { server: endpoint },
    };
    // The suite restores the connection only once the sink has given up.
    const definition = openSearchOver(WITHOUT_WAITING);
    const documents = async () =>
      [...(await server.documents(`test-${index}`))].sort(([, a], [, b]) => Number(a.version - b.version));
    return {
      step: 'pipeline/step',
      sink: () => openSinkWith(definition, { options, resources }),
      good: (n) => ({ n }),
      bad: (n) => ({ n: `${n} and more` }),
      landed: async () => [(await documents()).map(([, { source }]) => (source as { readonly n: number }).n)],
      contents: documents,
      cut: (when) => network.cut(when, { text: '"n":', nth: 1 }),
      heal: network.heal,
      async close() {
        await network.stop();
        await server.stop();
      },
    };
  },
};
