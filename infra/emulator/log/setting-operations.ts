import type {
  DecreaseStreamRetentionPeriodInput,
  IncreaseStreamRetentionPeriodInput,
  UpdateMaxRecordSizeInput,
} from '@aws-sdk/client-kinesis';
import { invalidArgument } from './log-error.ts';
import { findStream, type LogState } from './log-state.ts';
import { requireActive, type Stream, trimAll, update } from './stream.ts';

/**
 * IncreaseStreamRetentionPeriod, DecreaseStreamRetentionPeriod and UpdateMaxRecordSize. Each needs an ACTIVE stream,
 * returns at once and leaves the stream UPDATING; the new setting holds from when it is ACTIVE again.
 */
export function settingOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Keeps records for longer, 8,760 hours at most. Records that have expired by now stay expired. (API
     * reference)
     *
     * *Differences from AWS.* The current period is accepted and changes nothing; the API reference does not say.
     */
    IncreaseStreamRetentionPeriod(input: IncreaseStreamRetentionPeriodInput): void {
      const stream = findStream(state, input);
      const hours = requireRetention(input.RetentionPeriodHours ?? 0);
      requireActive(stream, state.accountId);
      if (hours < stream.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be shorter than existing ` +
            `retention period (${stream.retentionHours} hours). Use DecreaseRetentionPeriod API.`,
        );
      }
      // Records that have expired must stay expired under the longer period.
      trimAll(stream, state.nowMillis());
      updateWith(state, stream, () => {
        stream.retentionHours = hours;
      });
    },

    /**
     * *Behaviour.* Keeps records for less long, 24 hours at least. Older records are gone when the update ends. (API
     * reference)
     *
     * *Differences from AWS.* As for IncreaseStreamRetentionPeriod.
     */
    DecreaseStreamRetentionPeriod(input: DecreaseStreamRetentionPeriodInput): void {
      const stream = findStream(state, input);
      const hours = requireRetention(input.RetentionPeriodHours ?? 0);
      requireActive(stream, state.accountId);
      if (hours > stream.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be longer than existing ` +
            `retention period (${stream.retentionHours} hours). Use IncreaseRetentionPeriod API.`,
        );
      }
      updateWith(state, stream, () => {
        stream.retentionHours = hours;
      });
    },

    /**
     * *Behaviour.* Sets the largest size of a record with its key, from 1,024 to 10,240 KiB. (API reference)
     *
     * *Differences from AWS.* None that we know of.
     */
    UpdateMaxRecordSize(input: UpdateMaxRecordSizeInput): void {
      const stream = findStream(state, input);
      requireActive(stream, state.accountId);
      updateWith(state, stream, () => {
        stream.maxRecordKib = input.MaxRecordSizeInKiB ?? stream.maxRecordKib;
      });
    },
  };
}

export const shortestRetentionHours = 24;
const longestRetentionHours = 8_760;

/** Sets the stream to UPDATING; `change` runs when it is ACTIVE again. */
function updateWith(state: LogState, stream: Stream, change: () => void): void {
  update(stream, state.nowMillis() + state.transitionMillis, change);
}

function requireRetention(hours: number): number {
  const requested = `Requested retention period (${hours} hours)`;
  if (hours < shortestRetentionHours) {
    throw invalidArgument(
      `Minimum allowed retention period is ${shortestRetentionHours} hours. ${requested} is too short.`,
    );
  }
  if (hours > longestRetentionHours) {
    throw invalidArgument(
      `Maximum allowed retention period is ${longestRetentionHours} hours. ${requested} is too long.`,
    );
  }
  return hours;
}
