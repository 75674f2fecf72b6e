import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';

/** The option that the grants depend on. */
const Options = z.object({ prefix: z.string() });

/**
 * Grants the sink to write below its prefix of the lake. It reads nothing there, because file names follow from the
 * range. Replays go below a prefix of their own, which the sink lists to see whether a destination is empty.
 */
export function s3OnAws(step: ConnectorStep, { lake }: AwsResources): Needs {
  const { prefix } = Options.parse(step.options);
  const replays = `replays/${prefix}/*`;
  return {
    resources: { bucket: lake.name },
    statements: [
      {
        why: 'writes the files of the lake',
        actions: ['s3:PutObject'],
        resources: [`${lake.arn}/${prefix}/*`, `${lake.arn}/${replays}`],
      },
      {
        why: 'sees whether the place of a replay is fresh',
        actions: ['s3:ListBucket'],
        resources: [lake.arn],
        conditions: { StringLike: { 's3:prefix': replays } },
      },
    ],
    network: undefined,
  };
}

export function s3PrefixOf(options: unknown): string {
  return Options.parse(options).prefix;
}

export function s3OnLaptop(_step: ConnectorStep, { lake }: LaptopResources): unknown {
  return { bucket: lake };
}
