import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, QueueNeeds } from '../needs.ts';

/** The part of the source's options that its grants and announcements depend on. */
const Options = z.object({ prefix: z.string().default('') });

/** Reads the objects below its prefix of the landing bucket that its queue announces. */
export function s3FilesOnAws(step: ConnectorStep, { landing }: AwsResources): QueueNeeds {
  const { prefix } = Options.parse(step.options);
  return {
    resources: {},
    statements: [
      // Without it, an object that is gone is one that may not be read.
      { why: 'sees when a file is gone', actions: ['s3:ListBucket'], resources: [landing.arn] },
      {
        why: 'reads the files that land',
        actions: ['s3:GetObject', 's3:GetObjectVersion'],
        resources: [`${landing.arn}/${prefix}*`],
      },
    ],
    network: undefined,
    announced: { bucket: landing, prefix },
  };
}

export function s3FilesOnLaptop(_step: ConnectorStep, _resources: LaptopResources): unknown {
  return {};
}
