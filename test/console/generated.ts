import { setInterval } from 'node:timers';
import { z } from 'zod';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import type { LiveEvents, PipelineGraph, StepSummary } from '../../infra/console/answers.ts';
import { layOut } from '../../infra/console/graph-layout.ts';
import type { Route } from '../../infra/console/routes.ts';
import { definePipeline, minutes, type Pipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';

const SHARDS = 50;
const schema = z.object({ id: z.string() });

/** Pipelines with so many steps in all: each has a source, a row of sinks, and transforms between them. */
export function generatedPipelines(count: number, stepsOfEach: number): readonly Pipeline[] {
  return Array.from({ length: count }, (_, index) => generatedPipeline(`pipeline-${index}`, stepsOfEach));
}

function generatedPipeline(name: string, steps: number): Pipeline {
  const levels = Math.floor((steps - 1) / 2);
  const names = Array.from({ length: levels + 1 }, (_, level) => `stream-${level}`);
  const source = { read: httpSource({ schema, type: 'thing.sent', key: 'id' }), to: names[0] ?? '' };
  const transforms = Array.from({ length: levels }, (_, level) => [
    `step-${level}`,
    { from: names[Math.floor(level / 2)], to: names[level + 1], apply: { sql: `SELECT id FROM ${`s${level}`}` } },
  ]);
  const sinks = Array.from({ length: steps - 1 - levels }, (_, level) => [
    `sink-${level}`,
    { from: names[level % names.length], write: s3Sink({ prefix: `${name}-${level}` }), every: minutes(5) },
  ]);
  const declared = {
    name,
    streams: Object.fromEntries(names.map((stream) => [stream, { schema, shards: SHARDS }])),
    sources: { source },
    transforms: Object.fromEntries(transforms),
    sinks: Object.fromEntries(sinks),
  };
  return definePipeline(declared as unknown as Parameters<typeof definePipeline>[0]) as Pipeline;
}

export function graphsOf(pipelines: readonly Pipeline[]): readonly PipelineGraph[] {
  return pipelines.map((pipeline) => layOut(planOf(pipeline, pipelines)));
}

/** The API of a stage with these graphs: its steps change all the time, and a stream takes so many events a second. */
export function generatedRoutes(pipelines: readonly PipelineGraph[], eventsPerSecond: number): readonly Route[] {
  const steps = pipelines.flatMap(({ nodes }) => nodes.flatMap((node) => (node.node === 'step' ? [node] : [])));
  const summary = (index: number, tick: number): StepSummary => ({
    pipeline: steps[index]?.pipeline ?? '',
    step: steps[index]?.name ?? '',
    state: index % 97 === 0 ? 'behind' : 'running',
    shards: SHARDS,
    lagMillis: 1_000 * (tick % 60),
    behind: tick * (index % 7),
    counts: 'events',
    andMore: false,
    deadLetters: index % 131 === 0 ? 3 : 0,
  });
  return [
    {
      path: '/api/topology',
      answer: async () => ({ title: 'a generated stage', options: '', writes: false, pipelines }),
    },
    {
      path: '/api/live/steps',
      async live(_, stream) {
        stream.send({ steps: steps.map((__, index) => summary(index, 0)) });
        let tick = 0;
        const timer = setInterval(() => {
          tick += 1;
          const from = (tick * 100) % steps.length;
          stream.send({ steps: steps.slice(from, from + 100).map((__, index) => summary(from + index, tick)) });
        }, 250);
        stream.signal.addEventListener('abort', () => clearInterval(timer));
      },
    },
    {
      path: '/api/live/streams/:pipeline/:stream',
      async live(_, stream) {
        let read = 0;
        const timer = setInterval(() => {
          read += eventsPerSecond / 4;
          const events = Array.from({ length: 50 }, (__, index) => listed(read + index));
          stream.send({ events, read, matched: read, unfit: 0 } satisfies LiveEvents);
        }, 250);
        stream.signal.addEventListener('abort', () => clearInterval(timer));
      },
    },
  ];
}

function listed(count: number): LiveEvents['events'][number] {
  const preview = `${JSON.stringify({ count, text: 'x'.repeat(350) })}…`;
  const time = new Date(1_767_225_600_000 + count).toISOString();
  return {
    shard: 'shardId-000000000000',
    position: String(count),
    key: `key-${count % 9}`,
    type: 'thing.sent',
    time,
    preview,
  };
}
