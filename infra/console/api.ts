import type { TopologyAnswer } from './answers.ts';
import { comparableAnswer, openComparisons } from './compare-answers.ts';
import { eventAnswer } from './event-answer.ts';
import { layOut } from './graph-layout.ts';
import { discardAct, mendAct, redriveAct, tryMendedAct } from './letter-actions.ts';
import { letterAnswer, lettersAnswer } from './letter-answers.ts';
import { sendEvents } from './live-events.ts';
import { watchSteps } from './live-steps.ts';
import type { Route } from './routes.ts';
import { runAct } from './run-action.ts';
import type { ConsoleSource } from './source.ts';
import { moveAct, moveAnswer, pauseAct, resumeAct } from './step-actions.ts';
import { stepAnswer } from './step-answer.ts';
import { streamAnswer } from './stream-answer.ts';
import { queryAnswer, tableAnswer, tablesAnswer } from './table-answers.ts';
import { traceAnswer } from './trace-answer.ts';

/** Lists everything that the pages ask. Each answer comes from functions that the CLI uses too. */
export function apiOf(source: ConsoleSource, stop: AbortSignal): readonly Route[] {
  const watch = watchSteps(source, stop);
  const sendComparison = openComparisons(source, stop);
  const { title, options, find, writes } = source;
  let topology: TopologyAnswer | undefined;
  return [
    {
      path: '/api/topology',
      async answer() {
        topology ??= { title, options, writes, pipelines: find.plans().map(layOut) };
        return topology;
      },
    },
    {
      path: '/api/live/steps',
      async live(_, stream) {
        watch.listen((message) => stream.send(message), stream.signal);
      },
    },
    {
      path: '/api/steps/:pipeline/:step',
      answer: ({ named, signal }) => stepAnswer(find.step(named.pipeline, named.step), source, signal),
    },
    {
      path: '/api/streams/:pipeline/:stream',
      answer: ({ named, signal }) =>
        streamAnswer(source, { pipeline: named.pipeline ?? '', name: named.stream ?? '' }, signal),
    },
    {
      path: '/api/live/streams/:pipeline/:stream',
      live: (asked, stream) => sendEvents(source, asked, stream),
    },
    {
      path: '/api/events/:pipeline/:stream/:shard/:position',
      answer: (asked) => eventAnswer(source, asked),
    },
    { path: '/api/tables', answer: ({ signal }) => tablesAnswer(source, signal) },
    { path: '/api/tables/:pipeline/:table', answer: (asked) => tableAnswer(source, asked) },
    { path: '/api/compare', answer: () => comparableAnswer(source) },
    { path: '/api/live/compare/:pipeline/:a/:b', live: (asked, stream) => sendComparison(asked, stream) },
    { path: '/api/query', answer: (asked) => queryAnswer(source, asked) },
    { path: '/api/trace/:pipeline/:stream/:shard/:position', answer: (asked) => traceAnswer(source, asked) },
    {
      path: '/api/dead-letters',
      answer: ({ query, signal }) =>
        lettersAnswer(source, { pipeline: query.get('pipeline') ?? '', step: query.get('step') ?? '' }, signal),
    },
    {
      path: '/api/dead-letters/:pipeline/:step/:hash',
      answer: ({ named, signal }) => letterAnswer(source, `${named.pipeline}/${named.step}/${named.hash}`, signal),
    },
    { path: '/api/moves/:pipeline/:step', answer: (asked) => moveAnswer(source, asked) },
    { path: '/api/moves/:pipeline/:step', act: (asked) => moveAct(source, asked, stop) },
    { path: '/api/pause/:pipeline/:step', act: (asked) => pauseAct(source, asked) },
    { path: '/api/resume/:pipeline/:step', act: (asked) => resumeAct(source, asked) },
    { path: '/api/redrive/:pipeline/:step', act: (asked) => redriveAct(source, asked, stop) },
    { path: '/api/discard/:pipeline/:step', act: (asked) => discardAct(source, asked) },
    { path: '/api/mend/:pipeline/:step/:hash', act: (asked) => mendAct(source, asked) },
    { path: '/api/try/:pipeline/:step/:hash', act: (asked) => tryMendedAct(source, asked) },
    { path: '/api/run/:pipeline/:stream/:shard/:position', act: (asked) => runAct(source, asked) },
  ];
}
