import { LambdaError } from '../lambda-error.ts';

/** The mappings of an account, so that `startMapping` can refuse a second one of the same function and stream. */
export interface MappingNames {
  /** Takes the function and stream for a mapping. Throws Lambda's error when another mapping has both. */
  take(mapping: MappingName): void;
  /** Gives back what a mapping has taken. */
  free(uuid: string): void;
}

export interface MappingName {
  readonly uuid: string;
  readonly functionArn: string;
  readonly streamArn: string;
}

export function openMappingNames(): MappingNames {
  const taken = new Map<string, MappingName>();
  return {
    take(mapping) {
      const { uuid, functionArn, streamArn } = mapping;
      for (const other of taken.values()) {
        if (other.uuid === uuid || other.functionArn !== functionArn || other.streamArn !== streamArn) continue;
        throw new LambdaError(
          'ResourceConflictException',
          `The event source arn (" ${streamArn} ") and function (" ${functionArn.split(':').slice(6).join(':')} ") ` +
            `provided mapping already exists. Please update or delete the existing mapping with UUID ${other.uuid}`,
        );
      }
      taken.set(uuid, mapping);
    },
    free: (uuid) => void taken.delete(uuid),
  };
}
