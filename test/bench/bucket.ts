import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { closed, listen, portOf } from '../../infra/local/servers/listening.ts';

/** Starts what takes every object on 127.0.0.1, and does nothing with it. */
export async function startBucket() {
  const objects: Buffer[] = [];
  const server = createServer(async (request, response) => {
    objects.push(await buffer(request));
    // The last ones are enough.
    if (objects.length > 100) objects.splice(0, 50);
    response.writeHead(200, { etag: '"0"' }).end();
  });
  await listen(server, 0);
  return { url: `http://127.0.0.1:${portOf(server)}`, objects, stop: () => closed(server) };
}
