import type { StepAnswer, StepShard } from '../answers.ts';
import { Act } from './acting.tsx';
import { useAnswer } from './asking.ts';
import { MoveStep } from './move-step.tsx';
import { Copy, Facts, Shown, StreamLink, Time, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { counted, durationText, timeText } from './words.ts';
import { zone } from './zone.ts';

const ASK_EVERY_MILLIS = 5_000;

/** Shows where a step stands in each shard of its stream, between the oldest record of the shard and now. */
export function StepPage({ pipeline, name }: { readonly pipeline: string; readonly name: string }) {
  const answer = useAnswer<StepAnswer>(`/api${pathOf('steps', pipeline, name)}`, ASK_EVERY_MILLIS);
  return (
    <>
      <p class="trail">
        <a href="/">Pipelines</a> / {pipeline}
      </p>
      <h1>{name}</h1>
      <When answer={answer.value}>{(step) => <Step step={step} />}</When>
    </>
  );
}

function Step({ step }: { readonly step: StepAnswer }) {
  const { pipeline, name, about, from, to, shards, deadLetters, promise } = step;
  const isReader = from !== undefined;
  // Nothing could be read of it: neither is it known that there are no records, nor that there are no dead letters.
  const isUnread = shards.every(
    ({ state, position, lastProgress, shard }) =>
      state === 'unknown' && (shard ?? position ?? lastProgress) === undefined,
  );
  const notes = [...new Set(shards.flatMap(({ note }) => note ?? []))];
  return (
    <>
      <Facts
        facts={{
          kind: about === 'table' ? <a href={pathOf('tables', pipeline, name)}>table</a> : about,
          reads: from && <StreamLink stream={from} />,
          writes: to.length > 0 && to.map((stream) => <StreamLink key={stream} stream={stream} />),
          promise,
          'dead letters': isUnread ? (
            'unknown'
          ) : deadLetters === 0 ? (
            'none'
          ) : (
            <a href={pathOf('dead-letters', pipeline, name)}>{counted(deadLetters, 'dead letter')}</a>
          ),
        }}
      />
      {notes.map((note) => (
        <p key={note} class="note">
          <Shown text={note} />
        </p>
      ))}
      <h2>{isReader ? 'Positions' : 'State'}</h2>
      {isUnread ? <p class="look">unknown</p> : <Positions shards={shards} isReader={isReader} />}
      <h2>Commands</h2>
      <Act
        name="pause"
        does="let it rest"
        line={`pause ${pipeline} ${name}`}
        warns={<p>New events wait until it is resumed. The answer comes when no batch is in flight.</p>}
        path={`/api${pathOf('pause', pipeline, name)}`}
        body={{}}
      />
      <Act
        name="resume"
        does="go on"
        line={`resume ${pipeline} ${name}`}
        path={`/api${pathOf('resume', pipeline, name)}`}
        body={{}}
      />
      {isReader && <MoveStep pipeline={pipeline} name={name} />}
    </>
  );
}

/** Lists where the step stands, shard by shard. */
function Positions({ shards, isReader }: { readonly shards: readonly StepShard[]; readonly isReader: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label="positions" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {isReader && <th>shard</th>}
            <th>state</th>
            {isReader && <th class="wide">from the oldest record to now</th>}
            {isReader && <th>position</th>}
            <th>behind</th>
            <th>waiting</th>
            <th>last progress</th>
          </tr>
        </thead>
        <tbody>
          {shards.map((shard) => (
            <ShardRow key={shard.shard ?? ''} shard={shard} isReader={isReader} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ShardRow({ shard, isReader }: { readonly shard: StepShard; readonly isReader: boolean }) {
  const { state, position, behind, andMore, lagMillis, lastProgress } = shard;
  const thing = isReader ? 'event' : 'message';
  return (
    <tr class={TROUBLE[state] ?? ''}>
      {isReader && <td>{shortShard(shard.shard ?? '')}</td>}
      <td class="state">{state}</td>
      {isReader && (
        <td class="wide">
          <Bar shard={shard} />
        </td>
      )}
      {isReader && (
        <td>
          {position === undefined ? (
            <span class="muted">nothing read</span>
          ) : (
            <>
              {position.time === undefined ? '' : <Time at={position.time} />}{' '}
              <span class="muted">…{position.sequenceNumber.slice(-6)}</span>{' '}
              <Copy text={position.sequenceNumber} what="sequence number" />
            </>
          )}
        </td>
      )}
      <td>{behind === undefined ? '–' : `${andMore ? 'over ' : ''}${counted(behind, thing)}`}</td>
      <td>{lagMillis ? durationText(lagMillis) : '–'}</td>
      <td>{lastProgress === undefined ? '–' : <Time at={lastProgress} />}</td>
    </tr>
  );
}

const TROUBLE: Readonly<Record<string, string>> = { held: 'bad', behind: 'look', unknown: 'look' };

/** Shortens a shard's id to its number. */
function shortShard(shard: string): string {
  return shard.replace(/^shardId-0*(?=\d)/, '');
}

const WIDTH = 1_000;

/** Takes the time where somebody has clicked as the position to move to. */
function choose(event: MouseEvent, { from, span }: { readonly from: number; readonly span: number }): void {
  const { left, width } = (event.currentTarget as SVGElement).getBoundingClientRect();
  const time = new Date(from + (span * (event.clientX - left)) / width);
  const to = `${time.toISOString().slice(0, 19)}Z`;
  go(`${place.value.path}?${new URLSearchParams({ to })}`, { replace: true });
}

/** Draws a shard as a line in time: what the step has read, and what it has not. */
function Bar({ shard: { oldest, position, now, behind = 0, state } }: { readonly shard: StepShard }) {
  if (oldest === undefined) return <span class="muted">no records</span>;
  const from = Date.parse(oldest);
  const span = Math.max(1, now - from);
  const at = (time: number): number => Math.round((Math.min(Math.max(time - from, 0), span) / span) * WIDTH);
  const done = state === 'ended' || (behind === 0 && position !== undefined);
  const place = done ? WIDTH : position?.time === undefined ? 0 : at(Date.parse(position.time));
  const said = done
    ? 'everything is read'
    : position?.time === undefined
      ? 'nothing is read'
      : `read up to ${timeText(position.time, zone.value)}`;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field below takes the same position from a keyboard
    <svg
      class="bar"
      onClick={(event) => choose(event, { from, span })}
      viewBox={`0 0 ${WIDTH} 14`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`records since ${timeText(oldest, zone.value)}; ${said}`}
    >
      <rect class="unread" x="0" y="3" width={WIDTH} height="8" />
      <rect class="read" x="0" y="3" width={place} height="8" />
      <rect class="position" x={Math.min(place, WIDTH - 4)} y="0" width="4" height="14" />
    </svg>
  );
}
