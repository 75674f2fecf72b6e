import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { LINE_FEED } from '../../../functions/runtime/json/json-bytes.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { openStore } from '../../../functions/sinks/s3/compaction/store.ts';
import type { S3Options } from '../../../functions/sinks/s3/options.ts';
import { s3Definition } from '../../../functions/sinks/s3/s3.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { parseExactly } from './exact-json.ts';
import { numbersAsDoubles } from './forms.ts';
import { type LakeFile, listLake, placeIn } from './lake-files.ts';
import { rowsOfParquet } from './parquet-rows.ts';
import { prices } from './prices.ts';
import { readAhead } from './read-ahead.ts';
import type { OpenRows, Reading, SinkView, StoredEvent, StoredRow } from './stored-rows.ts';

/** Files of an S3 sink: a line, or a row of Parquet, for each event. */
export function lakeView(step: SinkPlan): SinkView {
  const options = parseOrExplain(s3Definition.options, step.options, `the options of '${step.name}'`);
  const { lines } = options;
  if (!['event', 'data'].includes(lines))
    throw new UserMistake(
      `'${step.name}' archives the records of its stream (lines: '${lines}'), which are no rows: compare a sink with lines: 'event' or 'data'`,
    );
  return {
    step,
    keeps: 'events',
    removes: false,
    stores: new Set(lines === 'event' ? (['id', 'key', 'type'] as const) : []),
    open: async (reading) => openLake({ step, options }, reading),
  };
}

interface OpeningLake {
  readonly step: SinkPlan;
  readonly options: S3Options;
}

function openLake({ step, options }: OpeningLake, reading: Reading): OpenRows {
  const { target, signal, forms } = reading;
  const { lake } = target.names;
  const store = openStore(target.clients.s3, lake, signal);
  let files: readonly LakeFile[] = [];
  let reads = 0;

  const get = async ({ key }: LakeFile): Promise<Buffer | undefined> => {
    reads += 1;
    return store.get(key);
  };

  return {
    // Parquet keeps a number as a double, unless the schema says more of it.
    forms: options.format === 'parquet' ? numbersAsDoubles(forms) : new Map(),
    async *rows() {
      files = await listLake({ step, options, store, target, signal });
      for await (const [file, content] of readAhead(files, get)) {
        const rows = file.isParquet
          ? rowsOfParquet(content, { reading, lines: options.lines })
          : linesOf(content, { key: file.key, lines: options.lines });
        let line = 0;
        for await (const portion of rows) {
          yield portion.map((row) => ({ ...row, order: placeIn(file, line++) }));
        }
      }
    },
    async footprint() {
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      return {
        bytes,
        storagePrice: prices.s3Storage(bytes),
        requests: [{ what: 'files written', count: files.length, price: prices.s3Puts(files.length) }],
        read: [{ what: 'files read', count: reads, price: prices.s3Gets(reads) }],
      };
    },
  };
}

const PORTION = 1_000;

function* linesOf(
  content: Buffer,
  { key, lines }: { readonly key: string; readonly lines: S3Options['lines'] },
): Generator<readonly StoredRow[]> {
  const text = key.endsWith('.gz') ? gunzipSync(content) : key.endsWith('.zst') ? zstdDecompressSync(content) : content;
  let portion: StoredRow[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(LINE_FEED, at);
    const line = text.subarray(at, end === -1 ? text.length : end).toString();
    at += Math.max(1, end === -1 ? text.length : end - at + 1);
    if (line === '') continue;
    portion.push(lines === 'event' ? rowOf(parseExactly(line)) : { data: parseExactly(line) });
    if (portion.length < PORTION) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}

function rowOf(line: unknown): StoredRow {
  const { data, id, type, time, partitionkey: key } = Object(line) as Record<string, unknown>;
  return { data, event: { id, key, type, time } as StoredEvent };
}
