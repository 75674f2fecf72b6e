import { setTimeout as delay } from 'node:timers/promises';

/** Endless readings from several devices, each device's in order. */
export interface Traffic {
  /** `<sensor> <date>` of the readings accepted so far. */
  readonly accepted: readonly string[];
  /** Stops, and resolves after the last reply. */
  stop(): Promise<void>;
}

const DEVICES = ['harbour', 'ridge', 'valley', 'airfield'];
const READINGS_A_REQUEST = 5;
const FIRST_DELAY_MILLIS = 300;

/** Starts the traffic. The devices' names begin with `name`. */
export function startTraffic(devicesUrl: string, name: string): Traffic {
  const stopping = new AbortController();
  const accepted: string[] = [];

  async function send(sensor: string): Promise<void> {
    for (let day = 0; !stopping.signal.aborted; day += READINGS_A_REQUEST) {
      const readings = Array.from({ length: READINGS_A_REQUEST }, (_, index) => readingOf(sensor, day + index));
      // Readings without a reply of 202 are sent again: only that reply says that they were accepted.
      while ((await post(devicesUrl, readings)) !== 202) await delay(500);
      accepted.push(...readings.map(({ date }) => `${sensor} ${date}`));
      // The pace slows down, so that a long deployment does not accept too many readings to compare afterwards.
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

export async function sendReading(devicesUrl: string, reading: object): Promise<void> {
  const status = await post(devicesUrl, [reading]);
  if (status !== 202) throw new Error(`a reading was answered with status ${status}`);
}

export function readingOf(
  sensor_id: string,
  day: number,
  more: { readonly wind?: number; readonly weather?: string } = {},
) {
  const date = new Date(Date.UTC(1950, 0, 1 + day)).toISOString().slice(0, 10);
  return { sensor_id, date, precipitation: 0, temp_max: 7.5, temp_min: 2.5, wind: 3, weather: 'fog', ...more };
}

async function post(devicesUrl: string, readings: readonly object[]): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(devicesUrl, { method: 'POST', headers, body: JSON.stringify(readings) });
  await reply.text();
  return reply.status;
}
