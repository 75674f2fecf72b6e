import { z } from 'zod';
import { s3Client } from '../../runtime/aws/s3.ts';
import { checkSourceFields, type DeclaredField } from '../../runtime/json/declared-fields.ts';
import { checkerOf, type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { queueHandler } from '../../runtime/queue-handler.ts';
import { defineSource, type ItemSource, type Source } from '../../runtime/source.ts';
import { endpointIsOverridden } from '../../runtime/step-config.ts';
import { announcedObjects, S3Object } from './announcements.ts';
import { checkCsvSchema } from './csv-cells.ts';
import { openFromS3 } from './object-bytes.ts';
import { ObjectPosition, readObject } from './object-pages.ts';

const Options = z.strictObject({
  format: z
    .enum(['csv', 'ndjson'])
    .describe(
      'How rows are written. `csv`: RFC 4180 with a header line, whose names may have blanks around them or other capitals. Lines end with LF or CRLF, or all with CR. `ndjson`: one JSON value on each line, or a file that is one JSON array, whose elements are the rows (if `schema` accepts arrays, a file is always read line by line). Both in UTF-8, plain or compressed with gzip or zstd; the source recognizes the compression by the first bytes.',
    ),
  schema: z.record(z.string(), z.unknown()).meta({
    writtenAs: 'a zod schema',
    description:
      "What a row must fit: the function checks each row against the schema's wire type. A schema that JSON Schema cannot express is an error when the pipeline is loaded. For CSV the schema is an object whose fields are texts, numbers, booleans or null.",
  }),
  type: z.string().min(1).describe("The events' `type`, in the past tense: `line.imported`."),
  key: z.string().min(1).meta({
    writtenAs: 'a field of `schema`',
    description:
      "The field whose value becomes the event's key. A row without a value there gets a key of its own, derived from the object's version and the row's offset.",
  }),
  time: z.string().min(1).optional().meta({
    writtenAs: 'a field of `schema`',
    otherwise: 'the time the object was last modified',
    description: 'The field that says when the event happened: an RFC 3339 time or date.',
  }),
  prefix: z
    .string()
    .default('')
    .describe(
      'The source reads the objects of the landing bucket whose keys begin with this prefix. The empty prefix reads all objects.',
    ),
});

const Resources = z.strictObject({});

/**
 * Turns the rows of each object that lands in a bucket into events, in order. A position is a byte offset, so reading
 * continues inside a file; a compressed file is decompressed again from its start. An object is identified by its
 * version or ETag: an object that is announced twice is read once, and one that is deleted or overwritten before it is
 * read becomes one dead letter.
 *
 * A row that cannot be read, does not fit the schema or is longer than 1 MiB becomes a dead letter with the object's
 * key, its line and the reason, and reading continues at the next line: a quote that is not closed costs one line, not
 * the rest of the file. A file with a header under which no row can fit, with damaged compression, or with a damaged
 * JSON array becomes one dead letter; the rows before the damage are events, and so are those between the damage and
 * where decompression noticed it.
 */
export const s3FilesDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ options }): ItemSource<ObjectPosition> {
    const { format, type, key, time } = options;
    const schema = options.schema as WireSchema;
    const source = { format, schema, check: checkerOf(schema), fields: { type, key, time } };
    const open = openFromS3(s3Client({ pathStyle: endpointIsOverridden() }));
    return {
      announced: announcedObjects,
      readItem(item, position, signal) {
        const at = position === undefined ? undefined : ObjectPosition.parse(position);
        return readObject({ ...source, open, object: S3Object.parse(item), signal }, at);
      },
    };
  },
});

/**
 * Reads the files that land under a prefix: `s3FilesSource({ schema: OrderLine, format: 'csv', type: 'line.imported',
 * key: 'order_id' })`. docs/connectors.md explains every option, in the words of `Options`.
 */
export function s3FilesSource<I, W>(
  options: Readonly<Pick<z.input<typeof Options>, 'format' | 'type' | 'prefix'>> & {
    readonly schema: z.ZodType<I, W>;
    readonly key: DeclaredField<W>;
    readonly time?: DeclaredField<W>;
  },
): Source<W> & { readonly connector: 's3-files' } {
  const schema = wireSchemaOf(options.schema, 's3FilesSource');
  checkSourceFields('s3FilesSource', schema, options);
  if (options.format === 'csv') checkCsvSchema(schema);
  return { connector: 's3-files', entry: import.meta.url, options: { ...options, schema } };
}

/** @deprecated The name is {@link s3FilesSource} now. Pipelines that say `s3Files({ … })` go on working. */
export const s3Files = s3FilesSource;

export const handler = queueHandler(s3FilesDefinition);
