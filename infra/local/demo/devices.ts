import { setTimeout as delay } from 'node:timers/promises';
import { rowsOf } from './data.ts';

/** What the devices sent, and what came of it. */
export interface Sent {
  readonly accepted: number;
  /** Of the accepted: without a sensor's id, which the transform drops. */
  readonly nobody: number;
  /** Of the accepted: a text for a number, which the transform refuses. */
  readonly text: number;
  /** Requests that are not JSON, and how many of them were refused at the edge. */
  readonly notJson: number;
  readonly refused: number;
}

const READINGS_A_REQUEST = 100;

/** Faults that real fleets have, each labelled as one: they are the simulator's, not the data set's. */
const FAULTS = {
  nobody: [
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

/** One device a sensor, each sending its readings in order and waiting for the reply; all devices at once. */
export async function sendReadings(url: string, file: string): Promise<Sent> {
  const rows = await rowsOf(file);
  const bySensor = Map.groupBy(rows, (row) => row.location ?? '');
  const counts = await Promise.all([...bySensor.values()].map((own) => sendAll(url, own.map(asReading))));
  const faulty = await sendAll(url, [...FAULTS.nobody, ...FAULTS.text]);
  let refused = 0;
  for (const body of FAULTS.notJson) if ((await post(url, body)).status === 400) refused++;
  return {
    accepted: counts.reduce((sum, count) => sum + count, faulty),
    nobody: FAULTS.nobody.length,
    text: FAULTS.text.length,
    notJson: FAULTS.notJson.length,
    refused,
  };
}

function asReading(row: Readonly<Record<string, string>>): object {
  const { location, date, weather, ...numbers } = row;
  const measured = Object.fromEntries(Object.entries(numbers).map(([name, cell]) => [name, Number(cell)]));
  return { sensor_id: location, date, ...measured, weather };
}

async function sendAll(url: string, readings: readonly object[]): Promise<number> {
  let accepted = 0;
  for (let start = 0; start < readings.length; start += READINGS_A_REQUEST) {
    const body = JSON.stringify(readings.slice(start, start + READINGS_A_REQUEST));
    const reply = await postUntilAccepted(url, body);
    accepted += ((await reply.json()) as { accepted: number }).accepted;
  }
  return accepted;
}

/** A device tries again when the stream is busy, as long as it is told to. */
async function postUntilAccepted(url: string, body: string): Promise<Response> {
  for (;;) {
    const reply = await post(url, body);
    if (reply.status === 202) return reply;
    if (reply.status !== 429 && reply.status !== 503) {
      throw new Error(`${url} answered ${reply.status}: ${await reply.text()}`);
    }
    await delay(1_000 * Number(reply.headers.get('retry-after') ?? 1));
  }
}

function post(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}
