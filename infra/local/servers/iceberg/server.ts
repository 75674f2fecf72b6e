import { createServer, type IncomingMessage } from 'node:http';
import { closed, listen, portOf } from '../listening.ts';
import { refusingWebPages } from '../web-pages.ts';
import { type CatalogSettings, createCatalog, type IcebergCatalog } from './catalog.ts';

/** A catalogue of Iceberg tables on 127.0.0.1, in memory. The tables' files are in S3. */
export interface IcebergServer {
  readonly endpoint: string;
  readonly catalog: IcebergCatalog;
  stop(): Promise<void>;
}

/** More than a commit ever has. */
const MOST_BYTES = 16 * 1024 * 1024;

export async function startIcebergCatalog(settings: CatalogSettings): Promise<IcebergServer> {
  const catalog = createCatalog(settings);
  const server = createServer(
    refusingWebPages(async (request, response) => {
      const body = await bodyOf(request);
      const { pathname: path } = new URL(request.url ?? '/', 'http://127.0.0.1');
      const { status, text } =
        body === undefined
          ? { status: 413, text: '' }
          : await catalog.answer({ method: request.method ?? 'GET', path, body });
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    }),
  );
  await listen(server, 0);
  return { endpoint: `http://127.0.0.1:${portOf(server)}`, catalog, stop: () => closed(server) };
}

/** Resolves to undefined when the body is too long, or the sender is gone. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > MOST_BYTES) return undefined;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}
