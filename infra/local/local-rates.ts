import type { RateReader } from '../operation/status/rates.ts';
import type { CountsOfSteps } from './counts.ts';

const LOOK_EVERY_MILLIS = 2_000;
/** Rates are averages of so long. Scheduled steps run every 10 s on a laptop. */
const OVER_MILLIS = 20_000;

interface Sample {
  readonly atMillis: number;
  readonly counts: ReadonlyMap<string, { readonly eventsIn: number; readonly eventsOut: number }>;
}

/** Reads the rates of a dev from what its functions have reported, as averages of the last 20 s. */
export function localRates(counts: CountsOfSteps, nowMillis: () => number = Date.now): RateReader {
  let samples: readonly Sample[] = [];
  return {
    everyMillis: LOOK_EVERY_MILLIS,
    async read(steps) {
      const atMillis = nowMillis();
      const names = steps.map(({ pipeline, name }) => `${pipeline}/${name}`);
      const now: Sample = { atMillis, counts: new Map(names.map((name) => [name, counts.of(name)])) };
      samples = [...samples.filter((sample) => sample.atMillis >= atMillis - OVER_MILLIS), now];
      const [oldest = now] = samples;
      const seconds = (atMillis - oldest.atMillis) / 1_000;
      if (seconds === 0) return { steps: [], overSeconds: 0 };
      const rate = (name: string, of: 'eventsIn' | 'eventsOut'): number =>
        ((now.counts.get(name)?.[of] ?? 0) - (oldest.counts.get(name)?.[of] ?? 0)) / seconds;
      return {
        overSeconds: OVER_MILLIS / 1_000,
        steps: steps.map(({ pipeline, name }) => ({
          pipeline,
          step: name,
          eventsIn: rate(`${pipeline}/${name}`, 'eventsIn'),
          eventsOut: rate(`${pipeline}/${name}`, 'eventsOut'),
        })),
      };
    },
  };
}
