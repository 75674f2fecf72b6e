import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import { type Check, sameEntries } from '../../infra/local/demo/checks.ts';
import { deadLetters, eventsBelow } from '../../infra/local/demo/lake.ts';
import type { Deployed } from './deployed.ts';
import { everythingDone } from './settle.ts';
import { readingOf } from './traffic.ts';

const SENSOR = 'poisoned';
const GOOD = Array.from({ length: 5 }, (_, day) => JSON.stringify(readingOf(SENSOR, day)));

/** Bad records, each with the dead letters that it becomes. */
const BAD: readonly { readonly text: string; readonly found: readonly string[] }[] = [
  { text: '{"sensor_id":"poisoned","date":', found: ['archive undecodable', 'cleaning undecodable'] },
  { text: JSON.stringify({ ...readingOf(SENSOR, 10), date: 'yesterday' }), found: ['cleaning schema'] },
  { text: JSON.stringify(readingOf(SENSOR, 11, { wind: -1 })), found: ['cleaning transform'] },
  // A constraint of the table forbids hail.
  { text: JSON.stringify(readingOf(SENSOR, 12, { weather: 'hail' })), found: ['readings refused'] },
];

/**
 * Puts bad records among good ones as another team's producer. The good ones arrive; the bad ones become dead letters.
 */
export async function poison(deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names, database } = deployed;
  await database.query("ALTER TABLE readings ADD CONSTRAINT no_hail CHECK (weather <> 'hail')");
  const before = await deadLetters(clients.s3, names.deadLetters);
  const texts = GOOD.flatMap((good, index) => [good, ...(BAD[index] === undefined ? [] : [BAD[index].text])]);
  const { FailedRecordCount } = await clients.kinesis.send(
    new PutRecordsCommand({
      StreamName: names.stream('sensors', 'raw'),
      Records: texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: SENSOR })),
    }),
  );
  if (FailedRecordCount) throw new Error(`the stream rejected ${FailedRecordCount} records`);
  await everythingDone(deployed);

  const letters = (await deadLetters(clients.s3, names.deadLetters)).filter((letter) => !before.some(isSameAs(letter)));
  const { rows } = await database.query<{ date: string }>('SELECT date::text FROM readings WHERE sensor_id = $1', [
    SENSOR,
  ]);
  const clean = (await eventsBelow(clients.s3, names.lake, 'clean/')).filter(({ data }) => data.sensor_id === SENSOR);
  const datesOf = (readings: readonly string[]) => readings.map((text) => (JSON.parse(text) as { date: string }).date);
  return [
    ...sameEntries(
      'dead letters by step and reason',
      BAD.flatMap(({ found }) => found),
      letters.map(({ step, reason }) => `${step} ${reason}`),
    ),
    {
      what: 'dead letters without the original bytes',
      expected: '',
      found: letters
        .filter((letter) => !hasOriginal(letter))
        .map(({ step, text, base64 }) => `${step} ${text ?? base64}`)
        .join(', '),
    },
    ...sameEntries(
      'readings around them in Postgres',
      datesOf(GOOD),
      rows.map(({ date }) => date),
    ),
    // The row that Postgres rejects is valid for the lake.
    ...sameEntries(
      'readings around them in the lake',
      datesOf([...GOOD, BAD[3]?.text ?? '']),
      clean.map(({ data }) => String(data.date)),
    ),
  ];
}

function isSameAs(letter: DeadLetter) {
  return ({ step, shard, at }: DeadLetter) => step === letter.step && shard === letter.shard && at === letter.at;
}

/** Tells whether a dead letter has the original bytes: the producer's record, or after a transform its output. */
function hasOriginal({ step, text = '' }: DeadLetter): boolean {
  return step === 'readings' ? text.includes('"hail"') : BAD.some((bad) => text.includes(bad.text));
}
