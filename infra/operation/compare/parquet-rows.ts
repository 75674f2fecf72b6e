import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Options } from '../../../functions/sinks/s3/options.ts';
import { ATTRIBUTES } from '../../../functions/sinks/s3/parquet/attributes.ts';
import { quotedText } from '../../../functions/sinks/s3/parquet/column-types.ts';
import { parseExactly } from './exact-json.ts';
import type { Form } from './forms.ts';
import { momentText } from './moments.ts';
import type { Reading, StoredEvent, StoredRow } from './stored-rows.ts';

/** Reads a file of Parquet, in portions of its rows. */
export async function* rowsOfParquet(
  content: Buffer,
  { reading, lines }: { readonly reading: Reading; readonly lines: S3Options['lines'] },
): AsyncGenerator<readonly StoredRow[]> {
  const { duckdb, folder, forms, signal } = reading;
  const path = join(folder, 'file.parquet');
  await writeFile(path, content);
  try {
    const result = await duckdb.stream(`SELECT * FROM read_parquet(${quotedText(path)}, hive_partitioning = false)`);
    for await (const rows of result.yieldRowObjectJson()) {
      signal.throwIfAborted();
      yield rows.map((row) => rowOf(row, { forms, lines }));
    }
  } finally {
    await rm(path, { force: true });
  }
}

function rowOf(
  row: Readonly<Record<string, unknown>>,
  { forms, lines }: { readonly forms: ReadonlyMap<string, Form>; readonly lines: S3Options['lines'] },
): StoredRow {
  const { event, data } = lines === 'event' ? splitOf(row) : { event: undefined, data: row };
  const stored = event === undefined ? {} : { event };
  // Data that is no object is one column of JSON.
  if (forms.size === 0) return { data: jsonOf(data.data), ...stored };
  const values = Object.entries(data).map(([name, value]) => [
    name,
    forms.get(name)?.kind === 'json' ? jsonOf(value) : value,
  ]);
  return { data: Object.fromEntries(values), ...stored };
}

function jsonOf(value: unknown): unknown {
  return typeof value === 'string' ? parseExactly(value) : value;
}

/** Divides the columns of a row into those of the event and those of its data. */
function splitOf(row: Readonly<Record<string, unknown>>): {
  readonly event: StoredEvent;
  readonly data: Readonly<Record<string, unknown>>;
} {
  const event: Record<string, unknown> = {};
  const data: Record<string, unknown> = { ...row };
  for (const { name, property } of ATTRIBUTES) {
    event[property] = row[name] ?? undefined;
    delete data[name];
  }
  const { id, key, type, time } = event as StoredEvent;
  return { event: { id, key, type, time: time && (momentText(time) ?? time) } as StoredEvent, data };
}
