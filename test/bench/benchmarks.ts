/**
 * The benchmarks, by their files, with what each measures. `npm run bench` runs them in this order.
 */
export const BENCHMARKS = {
  codec: 'records packed and unpacked, against aws-kinesis-agg',
  sql: 'a filter and a projection of JSON lines, against a hand-written loop and DuckDB',
  windows: 'a windowed count and sum, against DuckDB',
  tables: 'the CPU of a table step with a change stream into Postgres',
  joins: 'the CPU of a join of a stream with a table',
  'tables-memory': 'the memory of the steps of a table and of a join, for more and more events',
  changes: "the reader of Postgres's log, against pg-logical-replication",
  'changes-memory': 'the memory of that reader in one transaction of many rows',
  csv: 'both readers of CSV, against csv-parse and DuckDB',
  regex: "V8's regular expressions, against RE2",
  postgres: 'the Postgres sink, against COPY and a multi-row INSERT',
  dynamodb: 'the requests of the DynamoDB sink',
  opensearch: 'the requests of the OpenSearch sink, and their bytes',
  's3-ndjson': 'the NDJSON files of the S3 sink, against a naive handler and the compressor',
  parquet: 'the Parquet files of the S3 sink, against DuckDB',
  'emulator-log': "PutRecords and GetRecords of the emulator's log, against kinesis-local and kinesalite",
  mapping: 'random fault schedules of the emulated mapping',
  'exactly-once': 'a pipeline that counts each event once, against the same without marks',
  rejections: 'a transform that rejects each of 1,000,000 events',
  bundles: 'the cold start and the size of each function',
  console: 'the pages of the console in Chromium: 500 steps, and 10,000 events a second',
  'sql-memory': 'the memory of `millrace sql` for more and more input',
} as const satisfies Readonly<Record<string, string>>;
