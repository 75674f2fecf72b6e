import { Dashboard, GraphWidget, type IMetric, type IWidget, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';
import { databaseUses } from '../pipelines/connections.ts';
import { outputsOf, type PipelinePlan, type StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { topDown } from '../pipelines/top-down.ts';
import { isFedByRule } from '../sources/topic-rule.ts';
import { countOf, databaseMetric, failuresOf, functionMetric, lagOf, streamMetric } from './metrics.ts';

/**
 * A pipeline's dashboard. It reads from top to bottom as events travel, sources first; each row is a step or a stream.
 */
export class PipelineDashboard extends Construct {
  private readonly names: Names;

  constructor(
    scope: Construct,
    id: string,
    props: {
      readonly plan: PipelinePlan;
      readonly names: Names;
      /** True when the stage has a database of its own. */
      readonly ownsDatabase: boolean;
    },
  ) {
    super(scope, id);
    const { plan, names, ownsDatabase } = props;
    this.names = names;
    // A source that a topic rule feeds has no function, and no metrics of its own.
    const rows = topDown(plan)
      .filter((item) => item.what === 'stream' || !isFedByRule(item.step))
      .map((item) => (item.what === 'step' ? this.stepRow(item.step) : this.streamRow(item.stream)));
    new Dashboard(this, 'Dashboard', {
      dashboardName: names.dashboard(plan.name),
      widgets: [...rows.flat(), ...(ownsDatabase && usesDatabase(plan) ? this.databaseRow() : [])],
    });
  }

  private stepRow(step: StepPlan): IWidget[][] {
    const { names } = this;
    const from = step.kind === 'source' ? '' : ` ← ${titleOf(step.input.stream)}`;
    const written = outputsOf(step).map(titleOf).join(', ');
    const to = written === '' ? '' : ` → ${written}`;
    const lag = lagOf(step, names);
    return [
      [heading(`${step.kind} ${step.name}${from}${to}`)],
      [
        graph('events', [countOf(step, names, ['eventsIn', 'Sum']), countOf(step, names, ['eventsOut', 'Sum'])]),
        graph('lag', lag === undefined ? [] : [lag]),
        graph('refused and failed', [
          countOf(step, names, ['rejected', 'Sum']),
          failuresOf(step, names),
          functionMetric(step, names, ['Errors', 'Sum']),
          functionMetric(step, names, ['Throttles', 'Sum']),
        ]),
        graph('invocations', [
          functionMetric(step, names, ['Invocations', 'Sum']),
          functionMetric(step, names, ['Duration', 'Maximum']),
        ]),
      ].filter((widget) => widget !== undefined),
      ...(step.kind === 'table' && step.windows !== undefined ? [this.timeRow(step)] : []),
    ];
  }

  /** How far behind now the time of a table is, and the oldest of its windows that had to close. */
  private timeRow(step: StepPlan): IWidget[] {
    const of = (name: 'watermarkLagMillis' | 'overdueMillis') => countOf(step, this.names, [name, 'Maximum']);
    return [
      graph('watermark behind now', [of('watermarkLagMillis')]),
      graph('oldest window that had to close', [of('overdueMillis')]),
    ].filter((widget) => widget !== undefined);
  }

  /** What tables cost the database: each write leaves an old version of its row, which vacuums take. */
  private databaseRow(): IWidget[][] {
    const of = (...[name, statistic]: Parameters<typeof databaseMetric>[1]) =>
      databaseMetric(this.names, [name, statistic]);
    return [
      [heading('database')],
      [
        graph('connections', [of('DatabaseConnections', 'Maximum')]),
        graph('processor, per cent', [of('CPUUtilization', 'Maximum')]),
        graph('bytes free, and of WAL', [of('FreeStorageSpace', 'Minimum'), of('TransactionLogsDiskUsage', 'Maximum')]),
        graph('writes and reads a second', [of('WriteIOPS', 'Maximum'), of('ReadIOPS', 'Maximum')]),
      ].filter((widget) => widget !== undefined),
    ];
  }

  private streamRow(stream: StreamPlan): IWidget[][] {
    const of = (...[name, statistic]: Parameters<typeof streamMetric>[2]) =>
      streamMetric(stream, this.names, [name, statistic]);
    return [
      [heading(`stream ${titleOf(stream)}`)],
      [
        graph('records in', [of('IncomingRecords', 'Sum')]),
        graph('bytes in and out', [of('IncomingBytes', 'Sum'), of('GetRecords.Bytes', 'Sum')]),
        graph('age of what is read', [of('GetRecords.IteratorAgeMilliseconds', 'Maximum')]),
        graph('throttled', [
          of('WriteProvisionedThroughputExceeded', 'Sum'),
          of('ReadProvisionedThroughputExceeded', 'Sum'),
        ]),
      ].filter((widget) => widget !== undefined),
    ];
  }
}

function usesDatabase(plan: PipelinePlan): boolean {
  return databaseUses([plan]).some(({ database }) => database === undefined);
}

const WIDTH = 24;

function heading(markdown: string): TextWidget {
  return new TextWidget({ markdown: `## ${markdown}`, width: WIDTH, height: 1 });
}

/** Returns a graph of the metrics. Undefined when there are none. */
function graph(title: string, metrics: readonly IMetric[]): GraphWidget | undefined {
  return metrics.length === 0 ? undefined : new GraphWidget({ title, left: [...metrics], width: WIDTH / 4, height: 5 });
}

function titleOf(stream: StreamPlan): string {
  return stream.kind === 'own' ? stream.name : (stream.arn.split('/').at(-1) ?? stream.arn);
}
