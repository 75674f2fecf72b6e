import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { KinesisStreamEvent } from 'aws-lambda';
import { z } from 'zod';
import { parseLetterObject } from '../../functions/runtime/dead-letters/letter-objects.ts';
import { newAggregate } from '../../functions/runtime/record-codec/aggregate.ts';
import type { StepSurroundings } from '../../functions/runtime/step.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { openTransform } from '../../functions/runtime/transform-handler.ts';
import { textTable } from '../../infra/text-table.ts';
import { invocation, openTarget, recordOf } from './in-memory.ts';

/**
 * Sends 1,000,000 events through one function, a transform, which rejects every one of them: half of them are no JSON,
 * the others do not fit the schema. Log, checkpoints and bucket are in memory.
 */
const EVENTS = 1_000_000;
/** A record has fewer than 25,000 entries, and a batch of four of them is about as large as Lambda delivers. */
const EVENTS_A_RECORD = 5_000;
const RECORDS_A_BATCH = 4;
const MOST_CPU_SECONDS = 60;
const MOST_MIB = 512;

const Reading = z.object({ sensor: z.string(), celsius: z.number(), note: z.string() });
const passing = defineTransform({ entry: import.meta.url, from: Reading, to: Reading, apply: (event) => [event] });

async function benchRejections(): Promise<void> {
  const { surroundingsOf } = openTarget(['in', 'out'], { own: [] });
  const letters = { count: 0, objects: 0, bytes: 0 };
  const s3 = { send: (command: unknown) => Promise.resolve(store(command, letters)) };
  const surroundings = { ...surroundingsOf('rejecting', { input: 'in', output: 'out' }), s3 };
  const handler = openTransform(passing, surroundings as unknown as StepSurroundings);
  let cpuSeconds = 0;
  for (let sent = 0; sent < EVENTS; sent += EVENTS_A_RECORD * RECORDS_A_BATCH) {
    const event = batchFrom(sent);
    const before = process.cpuUsage();
    const { batchItemFailures } = await handler(event, invocation);
    const { user, system } = process.cpuUsage(before);
    cpuSeconds += (user + system) / 1e6;
    if (batchItemFailures.length > 0) throw new Error(`the batch from event ${sent} failed`);
  }
  if (letters.count !== EVENTS) throw new Error(`${letters.count} dead letters of ${EVENTS} events`);
  const mib = process.resourceUsage().maxRSS / 1024;
  const rows = [
    ['CPU seconds', cpuSeconds.toFixed(1), `≤ ${MOST_CPU_SECONDS}`, cpuSeconds <= MOST_CPU_SECONDS ? 'ok' : 'MISSED'],
    ['most memory, in MiB', mib.toFixed(0), `≤ ${MOST_MIB}`, mib <= MOST_MIB ? 'ok' : 'MISSED'],
    ['objects stored', letters.objects, '', ''],
    ['MB stored', (letters.bytes / 1e6).toFixed(1), '', ''],
  ];
  console.log(textTable([`${EVENTS} rejected events through one function`, 'ours', 'target', ''], rows));
  if (cpuSeconds > MOST_CPU_SECONDS || mib > MOST_MIB) process.exitCode = 1;
}

function store(command: unknown, letters: { count: number; objects: number; bytes: number }): object {
  if (!(command instanceof PutObjectCommand)) throw new Error('the bucket takes PutObject only');
  const { Key = '', Body } = command.input;
  const parsed = parseLetterObject(Key.slice(Key.lastIndexOf('/') + 1));
  if (parsed?.kind !== 'many') throw new Error(`a portion of so many rejections is one object, not ${Key}`);
  letters.count += parsed.count;
  letters.objects++;
  letters.bytes += (Body as Uint8Array).length;
  return {};
}

/** Makes a batch of a mapping, which begins with this event. */
function batchFrom(first: number): KinesisStreamEvent {
  const Records = Array.from({ length: RECORDS_A_BATCH }, (_, index) => {
    const aggregate = newAggregate({ maxBytes: 4 * 1024 * 1024 });
    const start = first + index * EVENTS_A_RECORD;
    for (let number = start; number < start + EVENTS_A_RECORD; number++) {
      const text = JSON.stringify({ sensor: `sensor-${number % 97}`, celsius: `${number} °C`, note: NOTE });
      const isAdded = aggregate.add(`sensor-${number % 97}`, Buffer.from(number % 2 === 0 ? text : text.slice(1)));
      if (!isAdded) throw new Error('the record is full');
    }
    const SequenceNumber = (FIRST_SEQUENCE_NUMBER + BigInt(start)).toString();
    return recordOf('in', { Data: aggregate.finish(), SequenceNumber, PartitionKey: 'k' });
  });
  return { Records };
}

const FIRST_SEQUENCE_NUMBER = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;

/** A reading has about 220 bytes. */
const NOTE = 'what people wrote about this reading on the spot, with a pencil and in the rain; '
  .repeat(2)
  .slice(0, 150);

await benchRejections();
