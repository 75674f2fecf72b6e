/** What a step's functions have reported so far in the metrics of their logs. */
export interface Counts {
  readonly eventsIn: number;
  readonly eventsOut: number;
  readonly rejected: number;
  readonly alreadySeen: number;
}

export interface CountsOfSteps {
  /** Adds a line of a function's log. Returns false when the line is not metrics. */
  take(line: string): boolean;
  /** Returns the counts of `<pipeline>/<step>`. */
  of(step: string): Counts;
}

const NOTHING: Counts = { eventsIn: 0, eventsOut: 0, rejected: 0, alreadySeen: 0 };

export function countSteps(): CountsOfSteps {
  const totals = new Map<string, Counts>();
  return {
    take(line) {
      const metrics = metricsOf(line);
      if (metrics === undefined) return false;
      const step = `${metrics.pipeline}/${metrics.step}`;
      const before = totals.get(step) ?? NOTHING;
      totals.set(step, {
        eventsIn: before.eventsIn + metrics.eventsIn,
        eventsOut: before.eventsOut + metrics.eventsOut,
        rejected: before.rejected + metrics.rejected,
        alreadySeen: before.alreadySeen + metrics.alreadySeen,
      });
      return true;
    },
    of: (step) => totals.get(step) ?? NOTHING,
  };
}

function metricsOf(line: string): (Counts & { pipeline: string; step: string }) | undefined {
  if (!line.startsWith('{"_aws":')) return undefined;
  return JSON.parse(line) as Counts & { pipeline: string; step: string };
}
