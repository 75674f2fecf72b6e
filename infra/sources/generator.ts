import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';

/** A generator makes its events itself: it needs nothing but its stream. */
export function generatorOnAws(_step: ConnectorStep, _resources: AwsResources): Needs {
  return { resources: {}, statements: [], network: undefined };
}

export function generatorOnLaptop(_step: ConnectorStep, _resources: LaptopResources): unknown {
  return {};
}
