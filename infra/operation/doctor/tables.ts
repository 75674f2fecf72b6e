import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type TableDescription,
  type TimeToLiveDescription,
} from '@aws-sdk/client-dynamodb';
import { EXPIRES } from '../../../functions/sinks/dynamodb/item.ts';
import { createCommand, keyOf } from '../../../functions/sinks/dynamodb/table.ts';
import type { PipelinePlan } from '../../pipelines/plan.ts';
import { type Finding, type Look, look } from './finding.ts';
import type { ExaminedStage } from './stage.ts';

/** Looks at the tables that a pipeline's sinks write in DynamoDB: people make them, and no deployment does. */
export async function examineTables(plan: PipelinePlan, stage: ExaminedStage): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const step of plan.steps) {
    if (step.kind !== 'sink' || step.connector !== 'dynamodb') continue;
    const { table } = step.options as { readonly table: string };
    const name = `${stage.target.names.tablePrefix}${table}`;
    const itself = await look(tableLook(name, stage));
    findings.push(itself, ...(itself.state === 'ok' ? [await look(expiryLook(name, stage))] : []));
  }
  return findings;
}

function tableLook(
  name: string,
  { target: { clients, names }, signal: abortSignal }: ExaminedStage,
): Look<{ Table?: TableDescription | undefined }> {
  return {
    of: name,
    what: 'table of a sink',
    right: ['dynamodb:DescribeTable', names.arnOf('dynamodb', `table/${name}`)],
    read: () => clients.dynamodb.send(new DescribeTableCommand({ TableName: name }), { abortSignal }),
    judge: ({ Table = {} }) => {
      const key = keyOf(Table);
      return 'name' in key
        ? { ok: `has the key ${key.name}` }
        : { wrong: key.wrong, fix: `delete it, then ${createCommand(name)}` };
    },
    ifMissing: createCommand(name),
  };
}

function expiryLook(
  name: string,
  { target: { clients, names }, signal: abortSignal }: ExaminedStage,
): Look<{ TimeToLiveDescription?: TimeToLiveDescription | undefined }> {
  const fix = `aws dynamodb update-time-to-live --table-name ${name} --time-to-live-specification Enabled=true,AttributeName=${EXPIRES}`;
  return {
    of: name,
    what: 'expiry of tombstones',
    right: ['dynamodb:DescribeTimeToLive', names.arnOf('dynamodb', `table/${name}`)],
    read: () => clients.dynamodb.send(new DescribeTimeToLiveCommand({ TableName: name }), { abortSignal }),
    judge: ({ TimeToLiveDescription: { AttributeName, TimeToLiveStatus } = {} }) =>
      AttributeName === EXPIRES && /^ENABL/.test(TimeToLiveStatus ?? '')
        ? { ok: `by ${EXPIRES}` }
        : { wrong: `DynamoDB does not remove them by ${EXPIRES}`, fix },
    ifMissing: fix,
  };
}
