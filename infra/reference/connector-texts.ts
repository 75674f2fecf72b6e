import type { z } from 'zod';
import { dynamoDbDefinition } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { icebergDefinition } from '../../functions/sinks/iceberg/iceberg.ts';
import { openSearchDefinition } from '../../functions/sinks/opensearch/opensearch.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { s3Definition } from '../../functions/sinks/s3/s3.ts';
import { webhookDefinition } from '../../functions/sinks/webhook/webhook.ts';
import { generatorDefinition } from '../../functions/sources/generator/generator.ts';
import { httpDefinition } from '../../functions/sources/http/http.ts';
import { mqttDefinition } from '../../functions/sources/mqtt/mqtt.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { postgresQueryDefinition } from '../../functions/sources/postgres-query/postgres-query.ts';
import { s3FilesDefinition } from '../../functions/sources/s3-files/s3-files.ts';
import type { ConnectorName } from '../connectors.ts';

/** What docs/connectors.md says about a connector, beside what its options' schema says. Paragraphs in Markdown. */
export interface ConnectorText {
  /** The function that a pipeline calls, and the module that exports the function. */
  readonly call: string;
  readonly module: string;
  /** Further functions of the module that the example calls. */
  readonly beside?: readonly string[];
  /** Modules whose handler runs in its place, with some of its options. */
  readonly variants?: readonly string[];
  readonly options: z.ZodType;
  readonly summary: string;
  readonly guarantees: string;
}

/** Every connector: one without a text does not compile. */
export const connectorTexts: Readonly<Record<ConnectorName, ConnectorText>> = {
  http: {
    call: 'httpSource',
    module: 'functions/sources/http/http.ts',
    options: httpDefinition.options,
    summary:
      'Accepts events by POST at a Lambda function URL: a JSON object, an array of them (one event each), lines of JSON (`application/x-ndjson` or `application/ndjson`, one event each), or CloudEvents 1.0 in structured, batch or binary mode. The body is plain or gzip, with at most 6 MiB after decompression and 10,000 events. The data of an event is appended byte for byte as it was sent.',
    guarantees: `A reply of 202 means that the stream has acknowledged every event of the request; none of them is lost after that. After 400, 401, 405, 413 or 415 none was appended; a 400 lists every bad event with its index and reason. After 429, after 503, and after a reply that never arrived, some of the events may be in the stream: the client has to send the request again.

So a client that retries delivers *at least once*. To count each event once, the client sends CloudEvents with a \`source\` and a \`sequence\` (a whole number that grows, one request in flight for each source) into a stream that is declared [\`idempotent: true\`](#kinds-of-step). Events of one request with the same key stay in order; two requests that are in flight at the same time may overtake each other. Nothing a client sends becomes a dead letter: the reply says what is wrong.`,
  },
  's3-files': {
    call: 's3FilesSource',
    module: 'functions/sources/s3-files/s3-files.ts',
    options: s3FilesDefinition.options,
    summary:
      "Turns each row of a CSV or NDJSON file, or each element of a JSON array, into an event when the file lands in the stage's landing bucket. A file may have any size: an invocation continues at the byte where the last one stopped. A row may have 1 MiB.",
    guarantees: `Every row of every announced file counts *once* for each reader of the stream. S3 may announce a file several times; the source reads each version (or ETag) once. After a crash the source continues at the last recorded byte offset, and readers drop the rows that were appended before the crash.

Rows of one file keep their order. Up to four files are read at the same time, so different files have no order, except that versions of one object are read one after the other. Limitation: S3's announcements may overtake each other, so of two versions of an object in quick succession the older may be read last. Without versioning of the bucket, a file that is overwritten or deleted before the source has read it becomes one dead letter.

A row that cannot be read, does not fit \`schema\` or is longer than 1 MiB becomes a dead letter with its file, line and reason, and the file goes on at the next line. A file becomes one dead letter when no row can fit under its header, when its compression or its JSON array is damaged (the rows before the damage are events, and the letter says from where on nothing was read), or when the function died three times in a row at the same row of it.`,
  },
  generator: {
    call: 'generatorSource',
    module: 'functions/sources/generator/generator.ts',
    options: generatorDefinition.options,
    summary:
      'Makes events that fit a zod schema, at a steady rate: for demos, load tests and a first look. Event *n* is due *n* / `perSecond` seconds after the first start, and that is its time. What was due while the step was paused is made up for, as fast as the stream takes it. Its function runs all the time. `npm run dev -- --load 1000` puts a generator in the place of each source.',
    guarantees: `Every event counts *once*. Event *n* has its number as its sequence, and its data and key follow from \`seed\` and number alone. So a run that died is repeated with the same events, and readers drop those that they have. Events of one key stay in order. Events that are bad on purpose go into the stream: what reads it makes dead letters of them. When you change the schema, the seed or another option, pause the step before you deploy, as with every step: otherwise the page that is being appended may come twice.`,
  },
  mqtt: {
    call: 'mqttSource',
    module: 'functions/sources/mqtt/mqtt.ts',
    options: mqttDefinition.options,
    summary:
      'Reads the messages of a topic filter from an MQTT broker of your own (MQTT 3.1.1, with TLS or without), such as Mosquitto, EMQX or HiveMQ. A message is a JSON value, and becomes the data of an event byte for byte. The function runs all the time and has one connection. `millrace dev` reads from a broker on this machine, at the port of `broker` if that names this machine, otherwise at 1883, without a login. The password of `username` is in a secret that the deployment makes: `aws secretsmanager put-secret-value --secret-id millrace-<stage>-<pipeline>--<source>--password --secret-string <password>`.',
    guarantees: `A message with QoS 1 or 2 counts *at least once*: the source acknowledges it after the stream has acknowledged its event, and the broker keeps the session and what was not acknowledged, also while no run is connected. After a crash the broker delivers that part again. To count such a message once, its payload needs a device and a number that grows: name them by \`device\` and \`number\`, and declare the stream [\`idempotent: true\`](#kinds-of-step). They become the event's \`source\` and \`sequence\`. A message with QoS 0 has no promise.

Messages come in the order in which the broker delivers them, which for one topic is that of its publisher. A retained message comes once, at the first subscription. A message that is no JSON or does not fit \`schema\` is a dead letter with its topic. A broker that has forgotten the session (it was restarted without storage, or the step stood still for too long) may have lost messages: the source stores a dead letter (\`expired\`) that names the time between, and goes on. With \`broker: 'iot-core'\`, AWS IoT Core appends each message to the stream by a topic rule, without a function, and so without a position: \`millrace pause\` does not stop it (\`aws iot disable-topic-rule\` does), nothing checks \`schema\` before the stream, and what the rule cannot append is an object below \`iot/\` of the dead-letter bucket. The events are the same as those that \`millrace dev\` makes from a broker on this machine.

A broker that refuses the login, the client id or the subscription stops the source, which says what to do. Brokers send no more than a few messages before the first acknowledgement (\`max_inflight_messages\`, 20 in Mosquitto): raise that for more than a few hundred messages a second.`,
  },
  'postgres-query': {
    call: 'postgresQuerySource',
    module: 'functions/sources/postgres-query/postgres-query.ts',
    options: postgresQueryDefinition.options,
    summary:
      "Reads a table of Postgres at every run, and makes an event of each row that was inserted or updated since: for databases whose log is out of reach. The event's data is the row. Deletions are not seen, and of several updates between two runs only the last one. Nothing is written into the database, and no column is needed that says when a row changed. [Databases](databases.md#by-a-query) explains how, and what limits it.",
    guarantees: `A table that is read as a whole: each version of a row that a run finds counts *once*, and none is lost, also when its transaction commits late: a run reads up to the oldest transaction that is still open, in any database of the server, and the next one goes on there. \`millrace status\` names the session that the source waits for. Events of one key stay in order as long as one row has the key. A rewrite of the table (\`VACUUM FULL\`, \`CLUSTER\`) while rows are being read makes rows of one transaction count twice, or those of the page that a crash left in flight; another server, a failover to a replica, or 2^31 transactions between two runs make all rows count again. None of this loses a row.

Limited by a column, the same holds only where a transaction gets the column's value after its first write, apart from \`margin\`: a sequence with \`CACHE\`, or numbers that a program reserves, can lose rows. Rows that are updated without a new value are not seen. A query of your own has no such promise: a row that appears with a lower number than the last one is never read, and every other row counts *once*.

A row that does not fit \`schema\` is a dead letter, and so is one that is larger than a record of the stream. A table that is missing, has partitions or may not be read stops the source, which says what to do.`,
  },
  'postgres-changes': {
    call: 'postgresChangesSource',
    module: 'functions/sources/postgres-changes/postgres-changes.ts',
    options: postgresChangesDefinition.options,
    summary:
      "Follows tables of a Postgres database (14 or newer) by its log, with logical replication: every insertion, update and deletion of a row becomes an event, `<table>.inserted`, `<table>.updated` or `<table>.deleted`, with the row as its data, the time of the commit as its time and the row's key as its key; a TRUNCATE becomes `<table>.truncated` in every shard. Nothing is written into a table or a schema of yours. [Databases](databases.md#by-its-log) says what the server needs, and what becomes of types, changed keys, large values and altered tables.",
    guarantees: `Every change that is committed after the slot was made counts *once*, and changes of one row come in the order of their commits. An event's sequence is the LSN of its commit and the number of the change in its transaction, so a run that died is repeated with the same events, and readers drop those that they have. The server is told that it may forget a change only once the event is in the stream and the position is stored. When changes are lost, because the slot was dropped, the server removed log that the slot needed, or the server was restored from a backup, the step stops and names the range; it never goes on behind a gap by itself.

A row that is larger than a record becomes a dead letter with its key and size: a mirror differs from its table then. A TRUNCATE stands in every shard, between the changes before and after it, and counts once for each key. The slot never fills the server's disk: without \`max_slot_wal_keep_size\` the source does not start.`,
  },
  s3: {
    call: 's3Sink',
    module: 'functions/sinks/s3/s3.ts',
    variants: ['functions/sinks/s3/parquet/parquet.ts'],
    options: s3Definition.options,
    summary:
      "Archives a stream in the stage's lake bucket, as files in Hive-style partitions that Athena, Spark and DuckDB read as a table: lines of JSON, each with the bytes of its event or of its data as they are in the log, or Parquet with a column for each field of the stream's schema. The sink is scheduled only: its step says `every`.",
    guarantees: `Each event is in exactly one file, *once*. The sink fixes the range of the log and its options before it writes the first file, and file names follow from both. So a run that is repeated after a crash writes the same objects under the same keys, with the same lines or the same rows, even when other code was deployed in between. Within a partition and a shard, names sort in the order of the log until files are merged, and so do the rows of a file.

A reader of the bucket may see some files of a range before the others: files are not committed together. An event becomes a dead letter when its \`time\` is not a valid time, when a field of \`fields\` holds an object or an array, or when its partition would make a key longer than S3's 1,024 bytes. An event whose type ends with \`.deleted\` is written as every other one: it adds a line or a row with its type, and removes nothing. This sink cannot be rewound: a second pass would cover other ranges, and so write the same events again under other names. \`millrace replay\` writes a range below a new prefix instead.

*Small files.* A run writes at least one file for each shard and partition that has events: the longer \`every\`, the fewer. With \`compact\`, a run also merges small files when that is due: of 10,000 slices of one partition, fewer than 60 files are left (\`test/functions/sinks/s3/compaction\`). The inputs and a new name for the output are fixed in the checkpoint table first. Then come the output, a manifest below \`compacted/<prefix>/\` that names what it replaces, and the deletion of the inputs. No event is ever missing. Limitation: the files of a plain folder are not replaced in one step. A reader that lists it between the output and the deletions, for seconds, sees those events twice; and one that has listed it before the deletions does not find the deleted files any more. A file that a late process of the sink has put back stays until the next merge. A merged file has the events of each shard in their order.

*Archives.* With \`lines: 'record'\` the sink keeps the records of the log as they came, in files of one shard each, in the order of the log: what a table is made again of when its stream has lost the events ([archives](tables.md#an-archive-of-the-stream)). A record is in one file, or in two with the same content where the sink has bisected a range around a poison record. No record is refused there; one that does not decode is a dead letter of the sink as well.

*Parquet.* DuckDB writes the files, with zstd and row groups of 122,880 rows; its library is only in the functions of such sinks (63 MB, within Lambda's 250 MB). Columns follow from the schema's wire type, not from the events:

| in the schema | in the file |
| --- | --- |
| \`z.string()\`, \`z.enum([…])\` | text; a value that is no text is written as its JSON |
| \`z.iso.datetime()\`, \`.meta({ sql: 'timestamptz' })\` | time in UTC, in microseconds; further digits are cut off |
| \`z.iso.date()\` | date |
| \`z.int32()\`, other whole numbers within 32 bits · \`z.int()\` | whole number of 32 bits · of 64 bits |
| \`z.number()\` | double |
| \`z.number().meta({ sql: 'numeric(12, 2)' })\` | decimal with this precision (at most 38 digits) and scale; what is beyond the scale is rounded as Postgres rounds |
| \`z.boolean()\` | true or false |
| \`z.array(…)\` · \`z.object({ … })\` | list · struct |
| everything else, such as \`z.json()\`, \`z.record(…)\` or a union of types | text: the JSON of the value, as it came |

Every column may be null: a field that an event does not have is null. Fields that the schema does not declare are not written. A text that is a number or a time counts as one. An event with a value that its column cannot hold becomes a dead letter that names the field and the value, such as \`quantity: 1.5 is not a whole number of 32 bits\`. Two fields whose names differ in capitals alone, and fields that are called as a partition or a column of the sink, are refused by \`cdk synth\` and \`dev\`. When the format of a sink changes, a range that was begun in the old format is finished by the new code if that writes Parquet; the other way round the step waits and says so.`,
  },
  postgres: {
    call: 'postgresSink',
    module: 'functions/sinks/postgres/postgres.ts',
    options: postgresDefinition.options,
    summary:
      "Keeps a table in Postgres up to date with a stream: the event's data is a row, and each field is the column of the same name. A missing field is null, or the column's default. The sink is continuous, or scheduled when its step says `every`.",
    guarantees: `Each event changes the table *once*. Rows, position and deduplication marks are committed in one transaction, so a batch that is delivered again finds its position moved and changes nothing. With \`key\`, each row holds the latest event of its key in the order of the stream. Without \`key\` the sink appends; such a sink cannot be rewound, and \`millrace replay\` writes a range into a new table instead.

A row that the database rejects (SQLSTATE classes 22, 23, 44 and 54: bad data, a violated constraint, a view's check option, a limit; or a row-level security policy) becomes a dead letter with Postgres's message, and the other rows are committed. A trigger that wants to reject a row raises an error of one of these classes. Every other error, such as a missing table, column or partition, an exhausted sequence, a missing permission or a database that is down, stops the step and loses nothing: the batch is delivered again until the error is gone (see [kinds of step](#kinds-of-step) for how long). An event with a field that has no column stops the step too, so that no data is dropped silently.

With \`mode: 'mirror'\` the stream's events are changes of another table's rows, and the table follows them. An event whose type ends with \`.inserted\` or \`.updated\` stores its data as the row of its key. One whose type ends with \`.deleted\` deletes that row; its data needs the fields of \`key\` only. Every other event is a dead letter. Without \`mode: 'mirror'\` the type does not count, and a \`.deleted\` event stores its data as any other does. Rewinding a mirror repairs it: while it catches up, the table shows older rows. A dead letter that is put back is applied when it comes: it overwrites a later change of its key. A mirror needs the right to delete, and cannot write under row-level security.

A list in an event's data fills an array (\`text[]\`, or of enums, domains, composite types), and an object a composite type, as Postgres's \`json_populate_record\` does: an attribute without a field is null, and a field without an attribute is left out. Lists and objects in columns of \`json\`, \`jsonb\` or \`text\` stay JSON; \`create\` makes \`jsonb\` of them.

You may alter the table while the sink runs, or make it anew: each transaction compares the columns with those that the sink has read, and takes the new types, defaults and constraints from then on.`,
  },
  dynamodb: {
    call: 'dynamoDbSink',
    module: 'functions/sinks/dynamodb/dynamodb.ts',
    options: dynamoDbDefinition.options,
    summary:
      "Keeps the latest event of each key as an item of a DynamoDB table: each field of the event's data is an attribute, beside the table's key. Numbers keep their digits. The sink is continuous, or scheduled when its step says `every`. Its function runs outside the stage's network.",
    guarantees: `Each event changes the table *once*. Every event has a version that grows along its shard, and a write succeeds only where the version that is stored (\`millrace_version\`) is lower. So a repeat, an event that comes late, or a slow twin of an invocation changes nothing. Of several events with one key in a batch only the last one is written, and a batch sends as many requests as it has keys, 32 at once. That is the least: \`BatchWriteItem\` takes no conditions, and \`TransactWriteItems\` costs twice the write units. So 1,0 events of 1,0 keys are 1,0 requests, and each costs one write unit for each KB of the larger of the two items, also where it loses; 1,000 events of one key in a batch are one. Where keys repeat, \`every\` makes larger batches, which are fewer writes. A rewind writes everything again under higher versions, so it repairs a table; while it catches up, the table shows older events. A dead letter that is put back is written with the version that it had: where a later event is stored, it loses. A letter without a version (its event was given up while the checkpoints were out of reach) is written only where the table has no item of its key; otherwise it becomes a dead letter again.

An event whose type ends with \`.deleted\` leaves a tombstone: the key, the version, \`millrace_deleted: true\`, and \`millrace_expires\`, which is \`tombstoneDays\` later. Leave tombstones out when you read: \`--filter-expression "attribute_not_exists(millrace_deleted)"\`, and the item \`millrace/step\` too, which says whose table it is. Let DynamoDB remove the old ones: \`aws dynamodb update-time-to-live --table-name millrace-<stage>-<table> --time-to-live-specification Enabled=true,AttributeName=millrace_expires\`. Limitation: a dead letter that is put back after its key's tombstone has gone brings the item back.

Make the table before you deploy: \`aws dynamodb create-table --table-name millrace-<stage>-<table> --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST\`. The step waits, and its log says why, while the table is missing, has a sort key or a key of another type, or belongs to another step, because versions of two steps do not compare. \`millrace replay --into <name>\` writes to the table \`millrace-<stage>-<table>--<name>\`, which you make as well. While DynamoDB throttles, is away or refuses the function's role, the batch is tried again, and no event is lost.

An event becomes a dead letter when its data is no object, has a number of more than 38 digits or out of DynamoDB's range, is nested deeper than 32 levels, has another value in the field that the table's key is called after, or makes an item larger than 400 KB.`,
  },
  iceberg: {
    call: 'icebergSink',
    module: 'functions/sinks/iceberg/iceberg.ts',
    options: icebergDefinition.options,
    summary:
      "Adds a stream to an Apache Iceberg table (format version 2) that Athena, Spark, Snowflake, DuckDB and PyIceberg read: one row an event, in files of Parquet with the columns and types of [`s3Sink`](#s3sink) with `format: 'parquet'`. The table is in the Glue Data Catalog or in a table bucket of S3 Tables; the sink speaks Iceberg's REST protocol with both. The sink is scheduled only: its step says `every`.",
    guarantees: `Each event is a row *once*. A slice's files are uploaded under names that nothing else has, and a commit adds them to the table together with the position at the end of the slice: the property \`millrace.position.<stage>.<pipeline>.<step>.<shard>\` of the table. A commit counts only where \`main\` is still the snapshot that the sink has read, so of two processes with one slice one is refused, looks again, and finds the position there. After a lost reply the sink looks, too. A reader sees a commit as a whole or not at all. Slices that end at the same time become one snapshot; a run makes at most one for each shard that has something new. Rows of one shard are committed in the order of the log. Positions survive the expiry of snapshots and the work of compactors, and commits of others only make the sink try again, up to ten times in a run.

An event whose type ends with \`.deleted\` adds a row with its type, and removes nothing: a view over the table shows the latest of each key (\`SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY event_key ORDER BY event_time DESC, event_sequence DESC) AS n FROM orders) WHERE n = 1 AND event_type NOT LIKE '%.deleted'\`). An event becomes a dead letter when the type of a column cannot hold its value, or when its \`time\` is not valid.

*Tables.* The sink makes the table, with optional columns. A table that is there may have further columns, which stay empty, and wider types (\`long\` for a 32-bit number, more digits of a decimal). Where a column is missing, or Iceberg can widen its type (\`int\` to \`long\`, \`float\` to \`double\`, more digits of a decimal), the sink changes the schema first; columns are found by name once, and from then on by the number that the table gives them. The step waits, and its log says why, when a type does not fit, when the table requires a column, is divided by anything but \`month\`, \`day\` or \`hour\` of \`event_time\`, or has another format version. A step on a stream that has events starts with the earliest, so a new sink fills its table from the whole log. Names are those of Athena: a-z, 0-9 and _.

*Somebody else's hands.* Properties stay when a table is rolled back. So the sink also keeps, in the table and beside its checkpoints, which snapshot it has committed last. It writes nothing, and the log says so, when the table was dropped and made anew, restored to an earlier state, or rolled back or replaced, so that its current snapshot does not come from the sink's last one. Bring the rows back (\`CALL system.set_current_snapshot\`), or set the table's property \`millrace.continue.<stage>.<pipeline>.<step>\` to the id of the current snapshot (\`none\` where there is none): the step then goes on behind its own position, and \`millrace replay --into <name>\` writes the range that is gone to the table \`<table>__<name>\`. An idle table gets an empty snapshot every 20 hours, so that expiry leaves one to tell by: expire no snapshots younger than two days. A step that was paused for longer than snapshots are kept, with a compactor at work meanwhile, may have to be told as well.

*Files that nobody reads.* An attempt that fails leaves files that are in no snapshot. Each run adds small files; 100 small manifests become one (\`commit.manifest.min-count-to-merge\`). Let the catalogue tidy: S3 Tables compacts, expires snapshots and removes such files by itself; in Glue, switch on the three optimizers of the table (\`aws glue create-table-optimizer\`). Removing files sooner than a day after they were written could remove those of a commit in flight. This sink cannot be rewound: a second pass would add the rows again. AWS's own delivery of a stream into Iceberg tables (channels of Kinesis) is not used: it reads no aggregated or compressed records, which is what Millrace's writers append, and it knows no backfill and no change of the schema.

Before you deploy: in Glue, the sink makes the database \`millrace_<stage>\` and the table, which lies in the stage's lake bucket unless \`location\` says otherwise; a \`namespace\` of your own has to be there. With Lake Formation in force, grant the function's role \`CREATE_TABLE\` on the database, \`ALTER\`, \`DESCRIBE\`, \`INSERT\` and \`SELECT\` on the table, and \`DATA_LOCATION_ACCESS\`. For S3 Tables, make the bucket: \`aws s3tables create-table-bucket --name <tableBucket>\`. On a laptop, \`millrace dev\` has a catalogue of its own, at the address that it prints: \`pyiceberg --uri <address> list\` shows its tables.`,
  },
  opensearch: {
    call: 'openSearchSink',
    module: 'functions/sinks/opensearch/opensearch.ts',
    options: openSearchDefinition.options,
    summary:
      "Keeps the latest event of each key as a document of an OpenSearch index: in a managed domain, in a serverless collection of the type *search*, or in a server of your own (2.9 or newer). The document is the event's data as it came. The sink is continuous, or scheduled when its step says `every`. Its function runs outside the stage's network.",
    guarantees: `Each event changes the index *once*. Every event has a version that grows along its shard, and OpenSearch takes a document only where the version that it has is lower (\`version_type: external\`, so the version is the document's \`_version\`). So a repeat, an event that comes late, or a slow twin of an invocation changes nothing. Of several events with one key in a batch only the last one is sent; when OpenSearch refuses that one, the ones before it follow. A bulk request has up to 5,000 documents and 5 MiB, so 1,000 small events are one request. A rewind writes everything again under higher versions, so it repairs an index; while it catches up, the index shows older events. A dead letter that is put back is written with the version that it had: where a later event is stored, it loses. A letter without a version (its event was given up while the checkpoints were out of reach) is written only where the index has no document of its key; otherwise it becomes a dead letter again.

An event whose type ends with \`.deleted\` leaves a tombstone, because OpenSearch forgets the version of a deleted document after a minute: \`millrace_deleted: true\`, and \`millrace_expires\`, which is \`tombstoneDays\` later. Leave tombstones out when you search, and the document \`millrace-step\` too, which says whose index it is: read through an alias with the filter \`"bool": "must_not": "exists": "field": "millrace_deleted"\`. From time to time remove those that have expired: \`POST <index>/_delete_by_query?conflicts=proceed\` with \`{"query": {"range": {"millrace_expires": {"lt": "now"}}}}\`. Limitation: a dead letter that is put back after its key's tombstone has gone brings the document back. A serverless collection has no such request: there tombstones stay.

The sink makes the index when it is missing: texts can be searched by their words, and as a whole by \`<field>.keyword\` up to 256 characters; \`z.iso.datetime()\` and \`z.iso.date()\` are dates; what may be anything, and fields that the schema does not declare, are kept and not searched. Make the index yourself to choose otherwise, or to add fields later. The step waits, and its log says why, while the index has a type that would refuse or change the values of a field, is strict and lacks a field, or belongs to another step, because versions of two steps do not compare. It waits too, and no event is lost, while the server is away, has no time (408, 429 and 5xx, after five attempts with back-off), does not accept the login or the role (401, 403), or answers what is no JSON. Pause the step before you delete its index. \`millrace replay --into <name>\` writes to the index \`millrace-<stage>-<index>--<name>\`.

With \`arn\`, requests are signed as the role of the function, which the deployment allows this index of the domain, or to call the collection. Map that role in the domain where it has fine-grained access control, and name it in the data access policy of a collection: it needs to read and write documents, and to describe and create the index. A managed domain has to be reachable from outside a VPC. Without \`arn\`, store \`user:password\` in the secret \`millrace-<stage>-<pipeline>--<step>--login\`; a changed secret is read within a minute.

An event becomes a dead letter when its data is no object, when its key has more than 512 bytes, when it has a field \`millrace_deleted\`, \`millrace_expires\` or \`millrace_owner\`, or when OpenSearch refuses the one document: the letter has OpenSearch's reason. On a laptop no request leaves the machine, unless \`endpoint\` is on this machine: \`millrace dev\` keeps the documents, compares versions and types, and lists them at the address that it prints; it answers no searches.`,
  },
  webhook: {
    call: 'webhookSink',
    beside: ['slackSink'],
    module: 'functions/sinks/webhook/webhook.ts',
    options: webhookDefinition.options,
    summary:
      "Posts each event to a URL, one request an event. `slackSink({ message })` is a template of it: it writes a message into a channel of Slack for each event, one a second at most (`perSecond`), not signed, and its URL is that of an incoming webhook. The function runs outside the stage's network, so it needs no NAT gateway.",
    guarantees: `Each event is posted *at least once*. A step that repeats an event repeats the same request: \`Idempotency-Key\` and \`webhook-id\` are made of the event's \`source\` and \`sequence\` (of \`source\` and \`id\`, when it has no sequence), so a receiver that remembers them takes each event once. A slice has at most as many events as take a minute when each answer takes a second; a crash repeats no more than these and the record that they end in. Events of one key are posted one after the other, in order; those of different keys are in flight together. Of each shard there are \`concurrency\` requests at once, and \`perSecond\` begin in a second.

A status of 2xx means that the receiver has the event; the answer itself may be anything, and only its first 2 KiB are read. After 408, 425, 429, 5xx, a broken connection or \`timeoutSeconds\`, the request is sent again, up to five times, with back-off. \`Retry-After\` is obeyed up to a minute, by all requests of the function. After that the batch is delivered again, without the events that this process has sent already, until the receiver answers (see [kinds of step](#kinds-of-step) for how long). The step also waits, and no event is lost, while the receiver answers 401, 403 or 407, or a redirect, which is not followed. With any other 4xx the receiver refuses the one event: it becomes a dead letter with the status and the start of the answer, and the next event of its key follows.

A request is signed as [Standard Webhooks](https://www.standardwebhooks.com) says, in \`webhook-id\`, \`webhook-timestamp\` and \`webhook-signature\`. Each attempt has its own timestamp. Libraries for receivers exist in most languages; give them the value of the secret \`millrace-<stage>-<pipeline>--<step>--signing-key\`. Store the URL of Slack, or another one that is itself a secret, in \`…--url\`; until then the step waits and its log says so. A changed secret is read within a minute.

A \`.deleted\` event is posted as any other, with its type. The sink cannot be rewound, because a receiver may not know what it has; \`millrace replay --into https://…\` posts a range to the URL that you name, and does not ask whether it is empty. On a laptop no request leaves the machine, unless \`url\` is on this machine: \`millrace dev\` takes the requests, and shows the last 200 at the address that it prints. The signing key is \`whsec_a2V5IG9mIHRoaXMgbGFwdG9w\` there.`,
  },
};
