import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, QueueNeeds } from '../needs.ts';

/** The option that grants and announcements depend on. */
const Options = z.object({ prefix: z.string().default('') });

/** Grants the source its prefix of the landing bucket, and has the queue announce the objects there. */
export function s3FilesOnAws(step: ConnectorStep, { landing }: AwsResources): QueueNeeds {
  const { prefix } = Options.parse(step.options);
  return {
    resources: {},
    statements: [
      // Without this permission, S3 answers 403 instead of 404 for a deleted object.
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
