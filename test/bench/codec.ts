import { deepStrictEqual } from 'node:assert';
import { newAggregate } from '../../functions/runtime/record-codec/aggregate.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../functions/runtime/record-codec/encode.ts';
import { readAggregate } from '../../functions/runtime/record-codec/read-aggregate.ts';
import { kplAggregate, kplDeaggregate } from '../functions/runtime/record-codec/kinesis-agg.ts';
import { type Measured, measure, runAlone } from './rounds.ts';

const MIB = 1024 * 1024;

interface Put {
  readonly partitionKey: string;
  readonly data: Buffer;
}

/** The attributes of an event that are known before its data is parsed. */
interface Header {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly key: string;
  readonly sequence: string;
}

/**
 * Compares the record codec with aws-kinesis-agg, on records of 1 MiB.
 *
 * The targets are for what that package does: packing small readings into an aggregate, and unpacking an aggregate that
 * Lambda delivers as base64. Both sides compute the MD5 of the whole record, which takes most of the time when events
 * are larger.
 *
 * The package does not know events: its user parses each one to route, order and deduplicate it. The rows without a
 * target compare that. Our codec checks each event's JSON to its end and finds the attributes, but does not build
 * `data`.
 */
async function benchCodec(): Promise<readonly Measured[]> {
  const readings = oneRecordOf(readingOf);
  const readingsRecord = aggregate(readings).toString('base64');
  const events = oneRecordOf((index) => Buffer.from(eventOf(index)));
  const eventsRecord = aggregate(events).toString('base64');

  deepStrictEqual(aggregate(readings), kplAggregate(readings));
  deepStrictEqual(aggregate(events), kplAggregate(events));
  deepStrictEqual(partsOf(readingsRecord), kplPartsOf(readingsRecord));
  deepStrictEqual(partsOf(eventsRecord), kplPartsOf(eventsRecord));
  deepStrictEqual(headersOf(eventsRecord), kplHeadersOf(eventsRecord));

  const ofReadings = `${readings.length} readings of ${bytesEach(readings)} bytes`;
  const ofEvents = `${events.length} events of ${bytesEach(events)} bytes`;
  return [
    await measure({
      ...VERSUS,
      name: `aggregate ${ofReadings}`,
      target: 2,
      ours: () => aggregate(readings),
      other: () => kplAggregate(readings),
    }),
    await measure({
      ...VERSUS,
      name: `take apart ${ofReadings}`,
      target: 3,
      ours: () => readAggregate(Buffer.from(readingsRecord, 'base64')),
      other: () => kplDeaggregate(readingsRecord),
    }),
    await measure({
      ...VERSUS,
      name: `aggregate ${ofEvents}`,
      target: undefined,
      ours: () => aggregate(events),
      other: () => kplAggregate(events),
    }),
    await measure({
      ...VERSUS,
      name: `take apart ${ofEvents}`,
      target: undefined,
      ours: () => readAggregate(Buffer.from(eventsRecord, 'base64')),
      other: () => kplDeaggregate(eventsRecord),
    }),
    await measure({
      ...VERSUS,
      name: `key, source, sequence of ${ofEvents}`,
      versus: 'and JSON.parse',
      target: undefined,
      ours: () => decode(eventsRecord).map(({ event }) => [event.key, event.source, event.sequence]),
      other: () => kplHeadersOf(eventsRecord).map((event) => [event.key, event.source, event.sequence]),
    }),
  ];
}

const VERSUS = { rounds: 41, versus: 'aws-kinesis-agg' };

function aggregate(puts: readonly Put[]): Buffer {
  const sofar = newAggregate({ maxBytes: MIB });
  for (const { partitionKey, data } of puts) sofar.add(partitionKey, data);
  return sofar.finish();
}

/** Decodes base64, as Lambda delivers records. Both sides have to do this. */
function decode(base64: string) {
  const data = Buffer.from(base64, 'base64');
  const record = {
    sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
    partitionKey: 'k',
    data,
  };
  return decodeRecord({ ...record, approximateArrivalMillis: 0 }, { name: 'bench' }).entries.map((entry) => {
    if ('rejection' in entry) throw new Error(entry.rejection.message);
    return entry;
  });
}

/** Returns comparable values. */
function partsOf(base64: string) {
  const bytes = Buffer.from(base64, 'base64');
  return readAggregate(bytes).map((part) => {
    if ('problem' in part) throw new Error(part.problem);
    return [part.partitionKey, part.explicitHashKey, bytes.toString('base64', part.start, part.end)];
  });
}

function kplPartsOf(base64: string) {
  return kplDeaggregate(base64).map((record) => [record.partitionKey, record.explicitPartitionKey, record.data]);
}

function headersOf(base64: string): Header[] {
  return decode(base64).map(({ event: { id, source, type, time, key, sequence = '' } }) => ({
    id,
    source,
    type,
    time,
    key,
    sequence,
  }));
}

function kplHeadersOf(base64: string): Header[] {
  return kplDeaggregate(base64).map(({ data }) => {
    const { id, source, type, time, partitionkey: key, sequence } = JSON.parse(Buffer.from(data, 'base64').toString());
    return { id, source, type, time, key, sequence };
  });
}

/** Makes as many as fit into one record. */
function oneRecordOf(dataOf: (index: number) => Buffer): Put[] {
  const puts: Put[] = [];
  const sofar = newAggregate({ maxBytes: MIB });
  for (let index = 0; ; index++) {
    const put = { partitionKey: sensorOf(index), data: dataOf(index) };
    if (!sofar.add(put.partitionKey, put.data)) return puts;
    puts.push(put);
  }
}

function sensorOf(index: number): string {
  return `sensor-${index % 50}`;
}

/** Makes a reading as a device sends it: the small records that the format was made for. */
function readingOf(index: number): Buffer {
  const reading = { sensor_id: sensorOf(index), at: 1_325_376_000 + index, celsius: (index % 77) / 2 };
  return Buffer.from(JSON.stringify(reading));
}

function dailyReadingOf(index: number): Buffer {
  const date = new Date(Date.UTC(2012, 0, 1 + (index % 1461))).toISOString().slice(0, 10);
  const reading = { sensor_id: sensorOf(index), date, precipitation: (index % 31) / 10, temp_max: (index % 77) / 2 };
  return Buffer.from(JSON.stringify({ ...reading, weather: index % 3 === 0 ? 'rain' : 'sun' }));
}

function eventOf(index: number): Uint8Array {
  const sequence = `-VLzI_ka-----5SZXWR-0R50ve----0X${String(index).padStart(4, '0')}---`;
  return encodeEvent({
    id: sequence,
    source: '/sensors/cleaning/3f2a91c0/shardId-000000000000/1-a9f31c',
    type: 'reading.cleaned',
    time: new Date(Date.UTC(2012, 0, 1, 0, index)).toISOString(),
    key: sensorOf(index),
    sequence,
    traceparent: undefined,
    dataBytes: dailyReadingOf(index),
  });
}

function bytesEach(puts: readonly Put[]): number {
  return Math.round(puts.reduce((sum, { data }) => sum + data.length, 0) / puts.length);
}

if (import.meta.main) await runAlone(benchCodec);
