import { rowsOf } from './data.ts';
import { post, sendAll } from './post.ts';

/** What the devices sent, and how it was received. */
export interface Sent {
  readonly accepted: number;
  /** Accepted readings without a sensor's id, which the transform drops. */
  readonly withoutSensor: number;
  /** Accepted readings with a text for a number, which the transform rejects. */
  readonly text: number;
  /** Requests that are not JSON. */
  readonly notJson: number;
  /** Those of `notJson` that the source rejected. */
  readonly rejected: number;
}

/** Faults that real devices have. Each says so in `fault`: they are not part of the data set. */
const FAULTS = {
  withoutSensor: [
    { ...reading(null, '2013-02-28'), fault: 'no sensor id' },
    { ...reading(null, '2014-07-01'), fault: 'no sensor id' },
    { ...reading(null, '2015-11-30'), fault: 'no sensor id' },
  ],
  text: [
    { ...reading('Seattle', '2016-01-01'), temp_max: 'n/a', fault: 'a text for a number' },
    { ...reading('New York', '2016-01-01'), temp_max: '--', fault: 'a text for a number' },
  ],
  notJson: ['{"sensor_id":"Seattle","date":"2016-01-02","temp_max":', '<reading sensor="New York" temp_max="4.4"/>'],
};

function reading(sensor: string | null, date: string): object {
  return { sensor_id: sensor, date, precipitation: 0, temp_max: 4.4, temp_min: 1.1, wind: 3.2, weather: 'sun' };
}

/** Sends the readings over HTTP: one device for each sensor, all at once, each in order and waiting for every reply. */
export async function sendReadings(url: string, file: string): Promise<Sent> {
  const rows = await rowsOf(file);
  const bySensor = Map.groupBy(rows, (row) => row.location ?? '');
  const counts = await Promise.all([...bySensor.values()].map((own) => sendAll(url, own.map(asReading))));
  const faulty = await sendAll(url, [...FAULTS.withoutSensor, ...FAULTS.text]);
  let rejected = 0;
  for (const body of FAULTS.notJson) if ((await post(url, body)).status === 400) rejected++;
  return {
    accepted: counts.reduce((sum, count) => sum + count, faulty),
    withoutSensor: FAULTS.withoutSensor.length,
    text: FAULTS.text.length,
    notJson: FAULTS.notJson.length,
    rejected,
  };
}

function asReading(row: Readonly<Record<string, string>>): object {
  const { location, date, weather, ...numbers } = row;
  const measured = Object.fromEntries(Object.entries(numbers).map(([name, cell]) => [name, Number(cell)]));
  return { sensor_id: location, date, ...measured, weather };
}
