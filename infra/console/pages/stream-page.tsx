import { computed, signal, useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { ListedEvent, LiveEvents, StreamAnswer } from '../answers.ts';
import { useAnswer, useMessages } from './asking.ts';
import { CliLine, Facts, Shown, StepLinks, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { counted, shellWord, timeText } from './words.ts';
import { zone } from './zone.ts';

/** Shows the events of a stream: as they come, or those that match. The search is in the URL. */
export function StreamPage({ pipeline, name }: { readonly pipeline: string; readonly name: string }) {
  const answer = useAnswer<StreamAnswer>(`/api${pathOf('streams', pipeline, name)}`);
  const wish = wishOf(place.value.query);
  return (
    <>
      <p class="trail">
        <a href="/">Pipelines</a> / {pipeline}
      </p>
      <h1>{name}</h1>
      <When answer={answer.value}>{(stream) => <About stream={stream} />}</When>
      <Search wish={wish} />
      <Found key={JSON.stringify(wish)} pipeline={pipeline} name={name} wish={wish} />
    </>
  );
}

/** What somebody looks for, as the fields of the form and the query of the URL have it. */
interface Wish {
  readonly from: string;
  readonly key: string;
  readonly type: string;
  readonly where: string;
  readonly follow: string;
}

function wishOf(query: URLSearchParams): Wish {
  const of = (name: string): string => query.get(name) ?? '';
  const isNew = query.size === 0;
  return {
    from: of('from') || '-15m',
    key: of('key'),
    type: of('type'),
    where: of('where'),
    follow: isNew ? '1' : of('follow'),
  };
}

function About({ stream }: { readonly stream: StreamAnswer }) {
  const { writers, readers, shards, retentionHours, fields } = stream;
  const days = retentionHours / 24;
  return (
    <Facts
      facts={{
        'written by': <StepLinks steps={writers} />,
        'read by': <StepLinks steps={readers} />,
        shards: `${shards.open}${shards.closed > 0 ? `, and ${shards.closed} closed` : ''}`,
        keeps: days >= 2 ? counted(days, 'day') : counted(retentionHours, 'hour'),
        fields: fields.join(', '),
      }}
    />
  );
}

const STARTS = ['latest', '-15m', '-1h', '-1d', 'earliest'];

function Search({ wish }: { readonly wish: Wish }) {
  const search = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const given = [...data].flatMap(([name, value]) => (value === '' ? [] : [[name, String(value)]]));
    go(`${place.value.path}?${new URLSearchParams(given)}`);
  };
  return (
    <form class="search" onSubmit={search}>
      <datalist id="starts">
        {STARTS.map((start) => (
          <option key={start} value={start} />
        ))}
      </datalist>
      <label>
        from
        <input type="text" name="from" list="starts" defaultValue={wish.from} spellcheck={false} class="short" />
      </label>
      <label>
        key
        <input type="text" name="key" defaultValue={wish.key} spellcheck={false} />
      </label>
      <label>
        type
        <input type="text" name="type" defaultValue={wish.type} spellcheck={false} />
      </label>
      <label class="grows">
        SQL condition
        <input type="text" name="where" defaultValue={wish.where} spellcheck={false} placeholder="temp_max > 30" />
      </label>
      <label class="check">
        <input type="checkbox" name="follow" value="1" defaultChecked={wish.follow === '1'} />
        follow
      </label>
      <button type="submit">search</button>
    </form>
  );
}

/** The most rows of a page. */
const MOST_ROWS = 200;

function Found({ pipeline, name, wish }: { readonly pipeline: string; readonly name: string; readonly wish: Wish }) {
  const rows = useSignal<readonly ListedEvent[]>([]);
  const counts = useSignal<LiveEvents | undefined>(undefined);
  const failed = useSignal('');
  const rate = useMemo(rateMeter, []);
  const isStopped = useSignal(false);
  const isFollowing = wish.follow === '1';
  const path = useMemo(
    () =>
      computed(() =>
        isStopped.value || failed.value !== ''
          ? undefined
          : `/api/live${pathOf('streams', pipeline, name)}?${new URLSearchParams({ ...wish })}`,
      ),
    [],
  );
  useMessages<LiveEvents & { readonly failed?: string }>(path, (message) => {
    if (message.failed !== undefined) {
      failed.value = message.failed;
      return;
    }
    counts.value = message;
    rate.take(message.read);
    if (message.events.length > 0)
      rows.value = isFollowing
        ? [...message.events.toReversed(), ...rows.value].slice(0, MOST_ROWS)
        : [...rows.value, ...message.events];
    if (message.end !== undefined) isStopped.value = true;
  });
  const { read = 0, matched = 0, unfit = 0, end } = counts.value ?? {};
  const isNarrow = wish.key !== '' || wish.type !== '' || wish.where !== '';
  return (
    <>
      {failed.value !== '' && (
        <pre class="problem" role="alert">
          <Shown text={failed.value} />
        </pre>
      )}
      <p class="counts" aria-live="off">
        <span>{counted(read, 'event')} read</span>
        {isNarrow && <span>{counted(matched, 'match').replace(/matchs$/, 'matches')}</span>}
        {unfit > 0 && <span>{unfit.toLocaleString('en-US')} could not be read, or do not fit</span>}
        {isFollowing && !isStopped.value && <span>{rate.perSecond.value.toLocaleString('en-US')} a second</span>}
        {end === 'enough' && <span>enough matches: narrow the search, or begin later, to see others</span>}
        <span class="gap" />
        {isFollowing && failed.value === '' && (
          <button type="button" onClick={() => (isStopped.value = !isStopped.value)}>
            {isStopped.value ? 'go on' : 'stop'}
          </button>
        )}
      </p>
      {rows.value.length > 0 && <Rows pipeline={pipeline} name={name} rows={rows.value} />}
      {rows.value.length === 0 && failed.value === '' && <Nothing wish={wish} hasEnded={end !== undefined} />}
      <CliLine does="the same in a terminal" line={lineOf(pipeline, name, wish)} />
    </>
  );
}

/** Measures events a second from a count that grows. */
function rateMeter() {
  const perSecond = signal(0);
  const window: { readonly at: number; readonly read: number }[] = [];
  return {
    perSecond,
    take(read: number): void {
      const at = performance.now();
      window.push({ at, read });
      while (window.length > 2 && at - (window[0]?.at ?? 0) > 3_000) window.shift();
      const [first] = window;
      const seconds = (at - (first?.at ?? at)) / 1_000;
      perSecond.value = seconds < 0.5 ? 0 : Math.round((read - (first?.read ?? 0)) / seconds);
    },
  };
}

function Rows({ pipeline, name, rows }: RowsOf) {
  return (
    <div class="scroll">
      <table class="events">
        <thead>
          <tr>
            <th>time</th>
            <th>key</th>
            <th>type</th>
            <th class="wide">data</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ shard, position, key, type, time, preview }) => (
            <tr key={`${shard} ${position}`}>
              <td>
                <a data-row href={pathOf('events', pipeline, name, shard, position)}>
                  {timeText(time, zone.value)}
                </a>
              </td>
              <td>
                <Shown text={key} />
              </td>
              <td>
                <Shown text={type} />
              </td>
              <td class="wide">
                <code>
                  <Shown text={preview} />
                </code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowsOf {
  readonly pipeline: string;
  readonly name: string;
  readonly rows: readonly ListedEvent[];
}

function Nothing({ wish, hasEnded }: { readonly wish: Wish; readonly hasEnded: boolean }) {
  if (!hasEnded) return <p class="muted">{wish.follow === '1' ? 'Waiting for events …' : 'Reading …'}</p>;
  return <p class="muted">No event since {wish.from} matches. Begin earlier (earliest), or take a filter away.</p>;
}

function lineOf(pipeline: string, name: string, { from, key, type, where, follow }: Wish): string {
  const options = Object.entries({ from, key, type, where }).flatMap(([option, value]) =>
    value === '' ? [] : [`--${option} ${shellWord(value)}`],
  );
  return ['tail', pipeline, name, ...options, follow === '1' ? '--follow' : '--no-follow'].join(' ');
}
