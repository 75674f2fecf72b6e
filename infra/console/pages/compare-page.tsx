import { computed, useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { LiveComparison, ShownComparison, ShownDifference } from '../answers.ts';
import { useMessages } from './asking.ts';
import { CliLine, Shown, StreamLink } from './parts.tsx';
import { pathOf } from './router.ts';
import { shellWord } from './words.ts';

interface Pair {
  readonly pipeline: string;
  readonly a: string;
  readonly b: string;
}

/** Compares two sinks on one stream. The comparison begins when the page is opened, and anew when somebody asks. */
export function ComparePage({ pipeline, a, b }: Pair) {
  const run = useSignal(newRun());
  return (
    <>
      <p class="trail">
        <a href="/compare">Compare</a> / {pipeline}
      </p>
      <h1>
        {a} and {b}
      </h1>
      <Comparing key={run.value} pipeline={pipeline} a={a} b={b} run={run.value} again={() => (run.value = newRun())} />
      <CliLine does="the same in a terminal" line={`compare ${[pipeline, a, b].map(shellWord).join(' ')}`} />
    </>
  );
}

/** Names a comparison, so that the page finds it again after a pause. */
function newRun(): string {
  return Math.random().toString(36).slice(2);
}

function Comparing({ pipeline, a, b, run, again }: Pair & { readonly run: string; readonly again: () => void }) {
  const latest = useSignal<LiveComparison>({});
  const path = useMemo(() => {
    const asked = `/api/live${pathOf('compare', pipeline, a, b)}?run=${run}`;
    return computed(() => (isEnd(latest.value) ? undefined : asked));
  }, [pipeline, a, b, run]);
  useMessages<LiveComparison>(path, (message) => {
    latest.value = message;
  });
  const { progress, comparison, failed } = latest.value;
  if (failed !== undefined)
    return (
      <>
        <pre class="problem" role="alert">
          <Shown text={failed} />
        </pre>
        <Again again={again} />
      </>
    );
  if (comparison === undefined)
    return (
      <p class="muted waiting" role="status">
        {progress === undefined ? 'Asking …' : progressText(progress)}
      </p>
    );
  return (
    <>
      <Found comparison={comparison} pipeline={pipeline} />
      <Again again={again} />
    </>
  );
}

function isEnd({ comparison, failed }: LiveComparison): boolean {
  return comparison !== undefined || failed !== undefined;
}

function progressText({ doing, sink, done }: NonNullable<LiveComparison['progress']>): string {
  const what = `${doing[0]?.toUpperCase()}${doing.slice(1)}${sink === undefined ? '' : ` of ${sink}`}`;
  return done === 0 ? `${what} …` : `${what}: ${done.toLocaleString('en-US')} …`;
}

function Again({ again }: { readonly again: () => void }) {
  return (
    <p>
      <button type="button" onClick={again}>
        compare again
      </button>
    </p>
  );
}

function Found({ comparison, pipeline }: { readonly comparison: ShownComparison; readonly pipeline: string }) {
  const { found, differences, more, notes, stream, matched } = comparison;
  const [same = '', sum = '', ...others] = found;
  return (
    <>
      <p role="status">
        <strong>{sum}</strong> {same} {others.join(' ')}
      </p>
      {differences.length > 0 && <Differences comparison={comparison} />}
      {more > 0 && (
        <p class="muted">… and {more.toLocaleString('en-US')} more, which the command line names with --limit.</p>
      )}
      <SideBySide comparison={comparison} pipeline={pipeline} />
      <p class="muted">
        Both read the stream <StreamLink stream={stream} />; {matched}.
      </p>
      {notes.map((note) => (
        <p class="muted" key={note}>
          <Shown text={note} />
        </p>
      ))}
    </>
  );
}

function SideBySide({ comparison, pipeline }: { readonly comparison: ShownComparison; readonly pipeline: string }) {
  const { names, sideBySide } = comparison;
  return (
    <>
      <h2>Side by side</h2>
      <div class="scroll">
        <table class="side-by-side">
          <thead>
            <tr>
              <td />
              {names.map((name) => (
                <th key={name} scope="col" class="number">
                  <a href={pathOf('steps', pipeline, name)}>{name}</a>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sideBySide.map(([what, a, b]) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td class="number">{a}</td>
                <td class="number">{b}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Differences({ comparison: { names, differences, stream } }: { readonly comparison: ShownComparison }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>row</th>
            <th>what differs</th>
            {names.map((name) => (
              <th key={name}>{name}</th>
            ))}
            <th>event</th>
          </tr>
        </thead>
        <tbody>{differences.flatMap((difference) => rowsOf(difference, stream))}</tbody>
      </table>
    </div>
  );
}

/** A row of the table for each field that differs; the first one has the event. */
function rowsOf(difference: ShownDifference, stream: string) {
  const { row, what, fields } = difference;
  const lines = what === undefined ? fields : [{ field: what, a: '', b: '' }];
  return lines.map(({ field, a, b }, index) => (
    <tr key={`${row} ${field}`}>
      <td class="value">{index === 0 && <Shown text={row} />}</td>
      <td>{field}</td>
      <td class="value">
        <Value value={a} />
      </td>
      <td class="value">
        <Value value={b} />
      </td>
      <td>{index === 0 && <EventLink difference={difference} stream={stream} />}</td>
    </tr>
  ));
}

function Value({ value }: { readonly value: string | null }) {
  return value === null ? <span class="muted">null</span> : <Shown text={value} />;
}

/** Links to the event, or to the events with its key. */
function EventLink({ difference, stream }: { readonly difference: ShownDifference; readonly stream: string }) {
  const { event, key, place } = difference;
  if (stream.startsWith('arn:') || (place === undefined && key === undefined)) return <Shown text={event} />;
  const of = stream.split('/');
  const href =
    place === undefined
      ? `${pathOf('streams', ...of)}?${new URLSearchParams({ from: 'earliest', key: key ?? '' })}`
      : pathOf('events', ...of, place.shard, place.position);
  return (
    <a data-row href={href}>
      <Shown text={event} />
    </a>
  );
}
