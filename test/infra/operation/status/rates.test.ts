import type { CloudWatchClient, GetMetricDataCommandInput } from '@aws-sdk/client-cloudwatch';
import { expect, test } from 'vitest';
import { cloudWatchRates } from '../../../../infra/operation/status/rates.ts';
import { pipelines } from '../../../../infra/pipelines/all.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../../eventually.ts';

const { steps } = planOf(pipelines.find(({ name }) => name === 'sensors')!, pipelines);
const MINUTE = 60_000;

/** Stands for CloudWatch, which answers page by page. */
function fakeCloudWatch(pages: readonly object[]) {
  const asked: GetMetricDataCommandInput[] = [];
  const client = {
    async send({ input }: { readonly input: GetMetricDataCommandInput }) {
      asked.push(input);
      return pages[(asked.length - 1) % pages.length];
    },
  };
  return { asked, client: client as unknown as CloudWatchClient };
}

test('a rate is the average of five whole minutes, also where an answer has several pages', async () => {
  const { asked, client } = fakeCloudWatch([
    { MetricDataResults: [{ Id: 'in1', Values: [60, 240] }], NextToken: 'more' },
    {
      MetricDataResults: [
        { Id: 'in1', Values: [300] },
        { Id: 'out1', Values: [30] },
      ],
    },
  ]);
  const { steps: rates, overSeconds } = await cloudWatchRates(client, 'prod').read(steps, noDeadline());
  expect(overSeconds).toBe(300);
  expect(rates[1]).toEqual({ pipeline: 'sensors', step: steps[1]?.name, eventsIn: 2, eventsOut: 0.1 });
  expect(rates[0]).toMatchObject({ eventsIn: 0, eventsOut: 0 });
  expect(asked.map(({ NextToken }) => NextToken)).toEqual([undefined, 'more']);
  const [{ StartTime, EndTime, MetricDataQueries = [] }] = asked as [GetMetricDataCommandInput];
  expect(Number(EndTime) - Number(StartTime)).toBe(5 * MINUTE);
  expect(Number(EndTime) % MINUTE).toBe(0);
  expect(MetricDataQueries[2]).toEqual({
    Id: 'in1',
    MetricStat: {
      Metric: {
        Namespace: 'Millrace',
        MetricName: 'eventsIn',
        Dimensions: [
          { Name: 'stage', Value: 'prod' },
          { Name: 'pipeline', Value: 'sensors' },
          { Name: 'step', Value: steps[1]?.name },
        ],
      },
      Period: 60,
      Stat: 'Sum',
    },
  });
});

test('a stage of many steps is read in requests of 500 metrics, the most that CloudWatch takes', async () => {
  const { asked, client } = fakeCloudWatch([{ MetricDataResults: [] }]);
  const many = Array.from({ length: 300 }, () => steps[0]!);
  expect((await cloudWatchRates(client, 'prod').read(many, noDeadline())).steps).toHaveLength(300);
  expect(asked.map(({ MetricDataQueries }) => MetricDataQueries?.length)).toEqual([500, 100]);
});
