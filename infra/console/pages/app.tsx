import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { TopologyAnswer } from '../answers.ts';
import { ask, useMessages } from './asking.ts';
import { ComparablePage } from './comparable-page.tsx';
import { ComparePage } from './compare-page.tsx';
import { DeadLetterPage } from './dead-letter-page.tsx';
import { DeadLettersPage } from './dead-letters-page.tsx';
import { EventPage } from './event-page.tsx';
import { KEYS, showsKeys } from './keys.ts';
import { problem, takeSteps, topology } from './live-steps.ts';
import { PipelinesPage } from './pipelines-page.tsx';
import { partsOf, place } from './router.ts';
import { StepPage } from './step-page.tsx';
import { StreamPage } from './stream-page.tsx';
import { TablePage } from './table-page.tsx';
import { TablesPage } from './tables-page.tsx';
import { chooseZone, zone } from './zone.ts';

const LIVE = signal<string | undefined>('/api/live/steps');
const lost = signal('');

/** The head of every page, and below it the page that the path names. */
export function App() {
  useEffect(() => {
    ask<TopologyAnswer>('/api/topology').then(
      (answer) => {
        topology.value = answer;
        lost.value = '';
      },
      (error: Error) => {
        lost.value = error.message;
      },
    );
  }, []);
  useMessages(LIVE, takeSteps);
  const [first = ''] = partsOf(place.value.path);
  const why = lost.value || problem.value;
  return (
    <>
      <a class="skip" href="#content">
        skip to the content
      </a>
      <header class="head">
        <a class="brand" href="/">
          Millrace
        </a>
        <nav aria-label="pages">
          <NavLink href="/" name="Pipelines" isHere={first === ''} />
          <NavLink href="/tables" name="Tables" isHere={first === 'tables'} />
          <NavLink href="/compare" name="Compare" isHere={first === 'compare'} />
          <NavLink href="/dead-letters" name="Dead letters" isHere={first === 'dead-letters'} />
        </nav>
        <span class="gap" />
        <span class="target muted">{topology.value?.title}</span>
        <ZoneSwitch />
        <button type="button" aria-expanded={showsKeys.value} onClick={() => (showsKeys.value = !showsKeys.value)}>
          keys
        </button>
      </header>
      {showsKeys.value && <Keys />}
      {why !== '' && (
        <p class="problem banner" role="alert">
          {why}
        </p>
      )}
      <main id="content" tabIndex={-1}>
        <Page />
      </main>
    </>
  );
}

function NavLink({ href, name, isHere }: { readonly href: string; readonly name: string; readonly isHere: boolean }) {
  return (
    <a href={href} {...(isHere ? { 'aria-current': 'page' } : {})}>
      {name}
    </a>
  );
}

function Page() {
  const { path } = place.value;
  const [first = '', pipeline = '', name = '', more, position] = partsOf(path);
  const title = path === '/' ? 'Pipelines' : [first.replace('-', ' '), pipeline, name, more].filter(Boolean).join(' ');
  useEffect(() => {
    document.title = `${title} · Millrace`;
  }, [title]);
  if (path === '/') return <PipelinesPage />;
  if (first === 'steps' && name !== '') return <StepPage key={path} pipeline={pipeline} name={name} />;
  if (first === 'streams' && name !== '') return <StreamPage key={path} pipeline={pipeline} name={name} />;
  if (first === 'events' && more !== undefined && position !== undefined)
    return <EventPage key={path} pipeline={pipeline} stream={name} shard={more} position={position} />;
  if (first === 'tables')
    return name === '' ? <TablesPage /> : <TablePage key={path} pipeline={pipeline} name={name} />;
  if (first === 'compare' && name === '' && pipeline === '') return <ComparablePage />;
  if (first === 'compare' && more !== undefined)
    return <ComparePage key={path} pipeline={pipeline} a={name} b={more} />;
  if (first === 'dead-letters') {
    return more === undefined ? (
      <DeadLettersPage key={path} pipeline={pipeline} step={name} />
    ) : (
      <DeadLetterPage key={path} id={`${pipeline}/${name}/${more}`} />
    );
  }
  return (
    <>
      <h1>There is no page here</h1>
      <p>
        <a href="/">All pipelines</a>
      </p>
    </>
  );
}

function ZoneSwitch() {
  const other = zone.value === 'utc' ? 'local' : 'utc';
  return (
    <button type="button" title="in which zone times are shown" onClick={() => chooseZone(other)}>
      {zone.value === 'utc' ? 'UTC' : 'local time'}
    </button>
  );
}

function Keys() {
  return (
    <dl class="keys">
      {KEYS.map(([key, does]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
