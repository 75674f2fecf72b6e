import { randomBytes } from 'node:crypto';
import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { StaleCheckpoint } from '../errors.ts';
import type { StepConfig } from '../step-config.ts';

/** The table's key: one item per pipeline, step and shard. */
export const CHECKPOINT_TABLE_KEY = { partition: 'step', sort: 'key' } as const;

export interface Checkpoint {
  /** Counts the checkpoint's moves, from 1. */
  readonly revision: number;
  readonly state: string;
}

export interface Save extends Checkpoint {
  readonly key: string;
  /** The revision that was loaded; 0: nothing was. */
  readonly previous: number;
  readonly signal: AbortSignal;
}

export interface Lease {
  readonly key: string;
  readonly owner: string;
  readonly untilMillis: number;
  readonly nowMillis: number;
  readonly signal: AbortSignal;
}

/** The checkpoints of one step. */
export interface Checkpoints {
  load(key: string, signal: AbortSignal): Promise<Checkpoint | undefined>;
  /** Throws `StaleCheckpoint` when the stored revision is not `previous`: then nothing is written. */
  save(checkpoint: Save): Promise<void>;
  /** False when another owner has it. The owner itself may take it again, to make it last longer. */
  lease(lease: Lease): Promise<boolean>;
  /** Nothing happens when another owner has it by now, nor when this cannot be done at once: it ends by itself. */
  release(lease: Pick<Lease, 'key' | 'owner'>): Promise<void>;
  /** Until when somebody has it, unless released earlier. Undefined: nobody. */
  leasedUntil(key: string, signal: AbortSignal): Promise<number | undefined>;
}

export interface CheckpointsSettings {
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  /** `<pipeline>/<step>`. */
  readonly step: string;
  /**
   * What the step was called before: what it left under that name is loaded, at revision 0, where nothing is under the
   * new one.
   */
  readonly formerly?: string | undefined;
}

/** Opens the checkpoints of a step as its configuration names the step and the table. */
export function checkpointsOfStep(
  dynamodb: CheckpointsSettings['dynamodb'],
  config: Pick<StepConfig, 'pipeline' | 'step' | 'formerly' | 'checkpoints'>,
): Checkpoints {
  const { pipeline, step, formerly, checkpoints: table } = config;
  return openCheckpoints({
    dynamodb,
    table,
    step: `${pipeline}/${step}`,
    formerly: formerly === undefined ? undefined : `${pipeline}/${formerly}`,
  });
}

export function openCheckpoints({ dynamodb, table, step, formerly }: CheckpointsSettings): Checkpoints {
  const item = (key: string, of = step) => ({ TableName: table, Key: { step: { S: of }, key: { S: key } } });

  const read = async (at: ReturnType<typeof item>, signal: AbortSignal) => {
    const command = new GetItemCommand({ ...at, ConsistentRead: true });
    return (await dynamodb.send(command, { abortSignal: signal })).Item;
  };

  const checkpointAt = async (at: ReturnType<typeof item>, signal: AbortSignal): Promise<Checkpoint | undefined> => {
    const stored = await read(at, signal);
    // An item without a revision holds a lease only.
    return stored?.revision && { revision: numberOf(stored.revision), state: stored.state?.S ?? '' };
  };

  /** False when the condition does not hold. */
  const update = async (input: UpdateItemCommandInput, signal: AbortSignal): Promise<boolean> => {
    try {
      await dynamodb.send(new UpdateItemCommand(input), { abortSignal: signal });
      return true;
    } catch (error) {
      if ((error as Error).name === 'ConditionalCheckFailedException') return false;
      throw error;
    }
  };

  return {
    async load(key, signal) {
      const own = await checkpointAt(item(key), signal);
      if (own !== undefined || formerly === undefined) return own;
      const left = await checkpointAt(item(key, formerly), signal);
      return left && { revision: 0, state: left.state };
    },

    async save({ key, previous, revision, state, signal }) {
      const write = randomBytes(9).toString('base64url');
      const saved = await update(
        {
          ...item(key),
          UpdateExpression: 'SET revision = :revision, #state = :state, #write = :write',
          ConditionExpression: previous === 0 ? 'attribute_not_exists(revision)' : 'revision = :previous',
          ExpressionAttributeNames: { '#state': 'state', '#write': 'write' },
          ExpressionAttributeValues: {
            ':revision': { N: String(revision) },
            ':state': { S: state },
            ':write': { S: write },
            ...(previous !== 0 && { ':previous': { N: String(previous) } }),
          },
        },
        signal,
      );
      // The client sends a write whose reply was lost once more; then it meets itself.
      if (!saved && (await read(item(key), signal))?.write?.S !== write) {
        throw new StaleCheckpoint(`'${step}' at '${key}'`, previous);
      }
    },

    lease({ key, owner, untilMillis, nowMillis, signal }) {
      return update(
        {
          ...item(key),
          UpdateExpression: 'SET #owner = :owner, leasedUntil = :until',
          ConditionExpression: 'attribute_not_exists(#owner) OR #owner = :owner OR leasedUntil <= :now',
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: {
            ':owner': { S: owner },
            ':until': { N: String(untilMillis) },
            ':now': { N: String(nowMillis) },
          },
        },
        signal,
      );
    },

    async release({ key, owner }) {
      const released = update(
        {
          ...item(key),
          UpdateExpression: 'REMOVE #owner, leasedUntil',
          ConditionExpression: '#owner = :owner',
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: { ':owner': { S: owner } },
        },
        AbortSignal.timeout(RELEASE_MILLIS),
      );
      await released.catch(() => undefined);
    },

    async leasedUntil(key, signal) {
      const until = (await read(item(key), signal))?.leasedUntil;
      return until && numberOf(until);
    },
  };
}

/** The invocation keeps 1.5 s back, and may be at its end. */
const RELEASE_MILLIS = 600;

function numberOf(value: AttributeValue): number {
  return Number(value.N);
}
