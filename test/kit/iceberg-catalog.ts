import type { CatalogRequest } from '../../functions/sinks/iceberg/catalog/send.ts';
import { createCatalog, type IcebergAnswer, type IcebergCatalog } from '../../infra/local/servers/iceberg/catalog.ts';

/** The catalogue of a run, in memory. */
export interface RunCatalog extends IcebergCatalog {
  /** Answers a request of the step, after what others do to the table just before it. */
  answerStep(request: CatalogRequest): Promise<IcebergAnswer>;
  /** From now on, this is done before each commit of the step arrives. */
  beforeCommits(act: () => Promise<void>): void;
}

export function createIceberg(lake: string, now: () => number): RunCatalog {
  // Readers ask the catalogue, so nobody needs its metadata in the lake.
  const nowhere = async (): Promise<void> => undefined;
  const catalog = createCatalog({ folder: `s3://${lake}/iceberg`, now, store: nowhere, remove: nowhere });
  let act = nowhere;
  return {
    ...catalog,
    async answerStep(request) {
      if (operationOn(request) === 'Commit') await act();
      return catalog.answer(request);
    },
    beforeCommits(given) {
      act = given;
    },
  };
}

/** Names what a request to a catalogue asks for. */
export function operationOn({ method, path }: Pick<CatalogRequest, 'method' | 'path'>): string {
  const { length } = path.split('/');
  if (path === '/v1/config') return 'Config';
  if (method === 'GET') return 'LoadTable';
  return length === 3 ? 'CreateNamespace' : length === 5 ? 'CreateTable' : 'Commit';
}
