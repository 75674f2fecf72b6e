import { randomUUID } from 'node:crypto';
import { decodeAvro, encodeAvro } from '../../functions/sinks/iceberg/avro/container.ts';
import { MANIFEST_LIST } from '../../functions/sinks/iceberg/avro/schemas.ts';
import { exactJson } from '../../functions/sinks/iceberg/catalog/exact-json.ts';
import { hours } from '../../infra/pipelines/pipeline.ts';
import type { RunTable } from '../kit/iceberg.ts';

/** What others do to a table beside the sink, as programs that maintain tables do, and as people do. */
export interface Hands {
  /** Replaces all files by copies under other names, in one manifest, as a compactor does. False: it was too late. */
  compact(): Promise<boolean>;
  /** Expires the snapshots before the last one of the step, and removes the files that are in no other. */
  expire(): Promise<void>;
  /** Removes files that are in no snapshot and older than an hour: no function runs for as long. */
  removeOrphans(): Promise<void>;
  /** Makes the snapshot before the current one current. False: there is none. */
  rollBack(): Promise<boolean>;
  /** Drops the table, and makes one of the same name. */
  replace(): Promise<void>;
  /** Sets a property. */
  set(name: string, value: string): Promise<void>;
}

/** `unique` makes names, from the seed of a schedule. */
export function handsOn(target: RunTable, now: () => number): Hands {
  const { namespace, table, catalog } = target;
  const path = `/v1/namespaces/${namespace}/tables/${table}`;
  const metadata = () => catalog.metadata(namespace, table);
  const current = () => metadata()?.snapshots.find((one) => one['snapshot-id'] === metadata()?.['current-snapshot-id']);
  const commit = async (requirements: readonly object[], updates: readonly object[]): Promise<boolean> =>
    (await catalog.answer({ method: 'POST', path, body: exactJson({ requirements, updates }) })).status === 200;

  /** The files that a snapshot needs, its manifests and its list included. */
  async function needed(): Promise<ReadonlySet<string>> {
    const urls = new Set<string>();
    for (const snapshot of metadata()?.snapshots ?? []) {
      urls.add(snapshot['manifest-list']);
      for (const { manifest_path } of await listIn(snapshot['manifest-list'])) {
        urls.add(manifest_path);
        for (const { data_file } of (await entriesIn(manifest_path)).entries) urls.add(data_file.file_path);
      }
    }
    return urls;
  }
  const listIn = async (url: string) => decodeAvro(await target.read(url)).records as readonly Listed[];
  const entriesIn = async (url: string) => {
    const { records, schema, metadata: about } = decodeAvro(await target.read(url));
    return { entries: records as readonly Entry[], schema, about };
  };

  return {
    async compact() {
      const base = current();
      const known = metadata();
      if (base === undefined || known === undefined) return false;
      const listed = await listIn(base['manifest-list']);
      const [first] = listed;
      if (first === undefined) return false;
      const copies: Entry[] = [];
      for (const { manifest_path } of listed)
        for (const { data_file } of (await entriesIn(manifest_path)).entries) {
          const url = `${known.location}/data/compacted-${randomUUID()}.parquet`;
          await target.write(url, await target.read(data_file.file_path));
          copies.push({ ...EMPTY, data_file: { ...data_file, file_path: url } });
        }
      const id = BigInt(Math.floor(Math.random() * 2 ** 52)) + (1n << 60n);
      const { schema, about } = await entriesIn(first.manifest_path);
      const bytes = encodeAvro(
        schema,
        withoutAvro(about),
        copies.map((entry) => ({ ...entry, snapshot_id: id })),
      );
      const manifest = `${known.location}/metadata/${randomUUID()}-m0.avro`;
      await target.write(manifest, bytes);
      const sequence = known['last-sequence-number'] + 1n;
      const list = `${known.location}/metadata/snap-${id}.avro`;
      const entry = {
        ...first,
        manifest_path: manifest,
        manifest_length: BigInt(bytes.length),
        sequence_number: sequence,
        added_snapshot_id: id,
        added_files_count: copies.length,
      };
      await target.write(list, encodeAvro(MANIFEST_LIST, {}, [entry]));
      return commit(
        [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': base['snapshot-id'] }],
        [
          {
            action: 'add-snapshot',
            snapshot: {
              'snapshot-id': id,
              'parent-snapshot-id': base['snapshot-id'],
              'sequence-number': sequence,
              'timestamp-ms': now(),
              'manifest-list': list,
              summary: { operation: 'replace' },
            },
          },
          { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
        ],
      );
    },
    async expire() {
      const at = current();
      const before = await needed();
      const [, own = '0'] = Object.entries(metadata()?.properties ?? {})
        .filter(([name]) => name.startsWith('millrace.snapshot.'))
        .flatMap(([, value]) => value.split('/'));
      const old = (metadata()?.snapshots ?? [])
        .filter((one) => one !== at && one['sequence-number'] < BigInt(own))
        .map((one) => one['snapshot-id']);
      if (at === undefined || old.length === 0) return;
      await commit([], [{ action: 'remove-snapshots', 'snapshot-ids': old }]);
      const after = await needed();
      for (const url of before) if (!after.has(url)) await target.remove(url);
    },
    async removeOrphans() {
      const urls = await needed();
      for (const { url, millis } of target.files())
        if (!urls.has(url) && millis < now() - hours(1)) await target.remove(url);
    },
    async rollBack() {
      const parent = current()?.['parent-snapshot-id'] as bigint | undefined;
      if (parent === undefined || !metadata()?.snapshots.some((one) => one['snapshot-id'] === BigInt(parent)))
        return false;
      return commit([], [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': parent }]);
    },
    async replace() {
      const schema = metadata()?.schemas[0];
      await catalog.answer({ method: 'DELETE', path });
      const body = exactJson({ name: table, schema, properties: {} });
      await catalog.answer({ method: 'POST', path: path.slice(0, path.lastIndexOf('/')), body });
    },
    async set(name, value) {
      await commit([], [{ action: 'set-properties', updates: { [name]: value } }]);
    },
  };
}

interface Listed {
  readonly manifest_path: string;
}

interface Entry {
  readonly status: number;
  readonly snapshot_id: bigint | null;
  readonly sequence_number: bigint | null;
  readonly file_sequence_number: bigint | null;
  readonly data_file: Readonly<Record<string, unknown>> & { readonly file_path: string };
}

const EMPTY = { status: 1, snapshot_id: null, sequence_number: null, file_sequence_number: null };

function withoutAvro(about: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...about].filter(([name]) => !name.startsWith('avro.')));
}
