import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { openCatalog } from '../../../functions/sinks/iceberg/catalog/rest-catalog.ts';
import { sendByFetch } from '../../../functions/sinks/iceberg/catalog/send.ts';
import { openTableFiles } from '../../../functions/sinks/iceberg/files.ts';
import { icebergDefinition } from '../../../functions/sinks/iceberg/iceberg.ts';
import type { IcebergOptions } from '../../../functions/sinks/iceberg/options.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { numbersAsDoubles } from './forms.ts';
import { listTable, type TableFile } from './iceberg-files.ts';
import { rowsOfParquet } from './parquet-rows.ts';
import { prices } from './prices.ts';
import { FileGone, readAhead } from './read-ahead.ts';
import type { OpenRows, Reading, SinkView } from './stored-rows.ts';

/** The rows of an Iceberg table: one for each event. */
export function icebergView(step: SinkPlan): SinkView {
  const options = parseOrExplain(icebergDefinition.options, step.options, `the options of '${step.name}'`);
  return {
    step,
    keeps: 'events',
    removes: false,
    stores: new Set(options.lines === 'event' ? (['id', 'key', 'type'] as const) : []),
    open: (reading) => openTable({ step, options }, reading),
  };
}

interface OpeningTable {
  readonly step: SinkPlan;
  readonly options: IcebergOptions;
}

async function openTable({ step, options }: OpeningTable, reading: Reading): Promise<OpenRows> {
  const { target, signal, forms } = reading;
  const { table, lines } = options;
  const { namespace: ofStage, ...place } = await target.catalogOf(step, signal);
  const namespace = options.namespace ?? ofStage;
  const catalog = openCatalog({ ...place, namespace, table }, sendByFetch);
  const store = openTableFiles(target.clients.s3);
  let files: readonly TableFile[] = [];
  let reads = 0;

  const get = async (url: string): Promise<Buffer> => {
    reads += 1;
    return store.get(url, signal).catch((error: Error) => {
      // Its snapshot has expired since the table was loaded.
      throw error.name === 'NoSuchKey' ? new FileGone(url) : error;
    });
  };

  return {
    // Parquet keeps a number as a double, unless the schema says more of it.
    forms: numbersAsDoubles(forms),
    async *rows() {
      reads = 0;
      const loaded = await catalog.load(signal);
      files = loaded === undefined ? [] : await listTable(loaded, { called: `${namespace}.${table}`, get });
      for await (const [file, content] of readAhead(files, ({ key }) => get(key))) {
        let line = 0;
        for await (const portion of rowsOfParquet(content, { reading, lines }))
          yield portion.map((row) => ({ ...row, order: placeIn(file, line++) }));
      }
    },
    async footprint() {
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      return {
        bytes,
        storagePrice: prices.s3Storage(bytes),
        // Each commit has written files of metadata beside them, and a compactor may have merged some.
        requests: [
          { what: 'files written', count: files.length, price: prices.s3Puts(files.length), atLeast: true as const },
        ],
        read: [{ what: 'files read', count: reads, price: prices.s3Gets(reads) }],
      };
    },
  };
}

const LINE_WIDTH = 12;

function placeIn({ order, number }: TableFile, line: number) {
  return { ...order, at: `${number}/${String(line).padStart(LINE_WIDTH, '0')}` };
}
