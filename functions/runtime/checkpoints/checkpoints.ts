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

/** The key of the checkpoint table. It has one item for each pipeline, step and shard, and for each note of a step. */
export const CHECKPOINT_TABLE_KEY = { partition: 'step', sort: 'key' } as const;

export interface Checkpoint {
  /** Counts the moves of the checkpoint, from 1. */
  readonly revision: number;
  readonly state: string;
}

export interface Save extends Checkpoint {
  readonly key: string;
  /** The revision that was loaded. 0: nothing was stored. */
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
  /**
   * Takes a lease. Resolves to false when another owner has it. The same owner may take its lease again, to extend it.
   */
  lease(lease: Lease): Promise<boolean>;
  /**
   * Ends a lease early. Does nothing when another owner has it by now, and gives up quickly: a lease also ends by
   * itself.
   */
  release(lease: Pick<Lease, 'key' | 'owner'>): Promise<void>;
  /**
   * Resolves to the end of the lease, in milliseconds since 1970, unless its owner releases it earlier. Undefined:
   * nobody has it.
   */
  leasedUntil(key: string, signal: AbortSignal): Promise<number | undefined>;
}

export interface CheckpointsSettings {
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  /** `<pipeline>/<step>`. */
  readonly step: string;
  /**
   * The step's former name, `<pipeline>/<step>`. Where nothing is stored under the new name, `load` resolves to what is
   * stored under this one, at revision 0.
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
    // An item without a revision holds only a lease.
    return stored?.revision && { revision: numberOf(stored.revision), state: stored.state?.S ?? '' };
  };

  /** Resolves to false when the condition does not hold. */
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
      // The client repeats a write whose reply was lost. The repeated write then finds itself, not another process.
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

/** The invocation reserves its last 1.5 s, and may be in them already. */
const RELEASE_MILLIS = 600;

function numberOf(value: AttributeValue): number {
  return Number(value.N);
}
