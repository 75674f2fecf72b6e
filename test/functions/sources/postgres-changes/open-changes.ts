import type pg from 'pg';
import type { PulledEvent, PulledLook, PulledPage } from '../../../../functions/runtime/source.ts';
import type { ChangesPosition } from '../../../../functions/sources/postgres-changes/position.ts';
import { postgresChangesDefinition } from '../../../../functions/sources/postgres-changes/postgres-changes.ts';
import { noDeadline } from '../../../eventually.ts';
import type { PostgresServer } from '../../../kit/servers.ts';

export type Page = PulledPage<ChangesPosition>;

export interface Field {
  readonly name: string;
  readonly accepts?: readonly string[];
  readonly isRequired?: boolean;
}

/** A database with a source that follows some of its tables. */
export interface Followed {
  readonly client: pg.Client;
  readonly database: string;
  /**
   * Reads as one run does, from a position until the mark that is written now has been read: everything that is
   * committed by now.
   */
  run(from?: ChangesPosition, options?: RunOptions): Promise<readonly Page[]>;
  /** Looks as a paused step does. */
  look(from: ChangesPosition): Promise<PulledLook>;
  /** Makes the slot, and returns the position at which it begins. */
  begin(): Promise<ChangesPosition>;
  close(): Promise<void>;
}

export interface RunOptions {
  /** Stops after so many pages, as a run that dies does. */
  readonly most?: number;
  /** Says whether the run has read what the test wants; by default when the mark that it wrote is read. */
  until?(page: Page): boolean;
  onPage?(page: Page): Promise<void> | void;
}

/** Makes a database with tables, and opens a source that follows them. */
export async function followTables(
  server: PostgresServer,
  {
    create,
    tables,
    fields,
    options = {},
    login = {},
  }: {
    readonly create: string;
    readonly tables: readonly string[] | Readonly<Record<string, string>>;
    readonly fields: readonly Field[];
    readonly options?: object;
    readonly login?: object;
  },
): Promise<Followed> {
  const database = await server.createDatabase();
  const client = await server.connect(database);
  await client.query(create);
  const { host, port, user, password } = server;
  const open = () =>
    postgresChangesDefinition.open({
      step: 'shop/changes',
      pipelines: ['shop'],
      options: postgresChangesDefinition.options.parse({ tables, snapshot: 'none', create: true, ...options }),
      resources: postgresChangesDefinition.resources.parse({
        host,
        port,
        database,
        user,
        auth: { password },
        tls: 'off',
        ...login,
        fields: fields.map(({ name, accepts = [], isRequired = false }) => ({ name, accepts, isRequired })),
      }),
    });

  const run = async (
    from?: ChangesPosition,
    { most = Number.POSITIVE_INFINITY, until = () => true, onPage }: RunOptions = {},
  ) => {
    const ending = new AbortController();
    const pages: Page[] = [];
    let isCaughtUp = false;
    const source = open();
    for await (const page of source.read(from, { ending: ending.signal, signal: noDeadline(), most: 10_000 })) {
      const stored = source.position.parse(JSON.parse(JSON.stringify(page.position)));
      pages.push({ ...page, position: stored });
      await onPage?.(page);
      if (pages.length >= most) break;
      // The mark that the run wrote at its start moves the position, with events or without.
      const { read } = page.position;
      isCaughtUp ||= read?.last?.token !== undefined && read.last.token !== from?.read?.last?.token;
      if (isCaughtUp && until(page)) ending.abort();
    }
    return pages;
  };

  return {
    client,
    database,
    run,
    async look(from) {
      return (await open().look?.(from, noDeadline())) ?? {};
    },
    async begin() {
      const pages = await run();
      return pages.at(-1)?.position as ChangesPosition;
    },
    async close() {
      await client.end();
    },
  };
}

/** An event with its data. */
export interface SeenEvent extends Omit<PulledEvent, 'dataBytes'> {
  readonly data: unknown;
}

export function eventsIn(pages: readonly Page[]): readonly SeenEvent[] {
  return pages.flatMap(({ events }) =>
    events.map(({ dataBytes, ...event }) => ({ ...event, data: JSON.parse(Buffer.from(dataBytes).toString()) })),
  );
}

/** The short form of events: type, key and data. */
export function changesIn(pages: readonly Page[]): readonly (readonly [type: string, key: string, data: unknown])[] {
  return eventsIn(pages).map(({ type, key, data }) => [type, key, data]);
}
