/** What the steps' functions have reported so far, from the metrics in their logs. */
export interface Counts {
  readonly eventsIn: number;
  readonly eventsOut: number;
  readonly rejected: number;
  readonly alreadySeen: number;
}

export interface CountsOfSteps {
  /** Takes a line of a function's log. True when it was metrics. */
  take(line: string): boolean;
  /** By `<pipeline>/<step>`. */
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
