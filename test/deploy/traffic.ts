import { setTimeout as delay } from 'node:timers/promises';

/** Readings that come in without end, from several devices, each in order. */
export interface Traffic {
  /** `<sensor> <date>` of what was accepted so far. */
  readonly accepted: readonly string[];
  /** Stops, and resolves when the last reply is there. */
  stop(): Promise<void>;
}

const DEVICES = ['harbour', 'ridge', 'valley', 'airfield'];
const READINGS_A_REQUEST = 5;
const FIRST_DELAY_MILLIS = 300;

/** `name` comes first in the devices' names. */
export function startTraffic(door: string, name: string): Traffic {
  const stopping = new AbortController();
  const accepted: string[] = [];

  async function send(sensor: string): Promise<void> {
    for (let day = 0; !stopping.signal.aborted; day += READINGS_A_REQUEST) {
      const readings = Array.from({ length: READINGS_A_REQUEST }, (_, index) => readingOf(sensor, day + index));
      // One that got no 202 is sent again: it is the source that tells what was accepted.
      while ((await post(door, readings)) !== 202) await delay(500);
      accepted.push(...readings.map(({ date }) => `${sensor} ${date}`));
      // Slower and slower: all that a long deployment lets through is looked at afterwards.
      await delay(FIRST_DELAY_MILLIS + accepted.length);
    }
  }

  const ended = Promise.all(DEVICES.map((device) => send(`${name}-${device}`)));
  ended.catch(() => undefined);
  return {
    accepted,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

export async function sendReading(door: string, reading: object): Promise<void> {
  const status = await post(door, [reading]);
  if (status !== 202) throw new Error(`a reading was answered with ${status}`);
}

export function readingOf(
  sensor_id: string,
  day: number,
  more: { readonly wind?: number; readonly weather?: string } = {},
) {
  const date = new Date(Date.UTC(1950, 0, 1 + day)).toISOString().slice(0, 10);
  return { sensor_id, date, precipitation: 0, temp_max: 7.5, temp_min: 2.5, wind: 3, weather: 'fog', ...more };
}

async function post(door: string, readings: readonly object[]): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(door, { method: 'POST', headers, body: JSON.stringify(readings) });
  await reply.text();
  return reply.status;
}
