import { useSignal } from '@preact/signals';
import type { MoveAnswer } from '../action-answers.ts';
import { Act, mayWrite } from './acting.tsx';
import { useAnswer } from './asking.ts';
import { CliLine, Time, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { counted, shellWord } from './words.ts';

const STARTS = ['earliest', '-15m', '-1h', '-1d', 'latest'];

/** Asks where a step should stand, shows what that means, and moves it. The position is in the URL. */
export function MoveStep({ pipeline, name }: { readonly pipeline: string; readonly name: string }) {
  const { path, query } = place.value;
  const to = query.get('to') ?? '';
  const shard = query.get('shard') ?? '';
  const look = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const given = [...data].flatMap(([field, value]) => (value === '' ? [] : [[field, String(value)]]));
    go(`${path}?${new URLSearchParams(given)}`, { replace: true });
  };
  return (
    <>
      <h2>Move it</h2>
      <form class="search" onSubmit={look} key={`${to} ${shard}`}>
        <datalist id="positions">
          {STARTS.map((start) => (
            <option key={start} value={start} />
          ))}
        </datalist>
        <label>
          to a time, or so long ago
          <input type="text" name="to" list="positions" defaultValue={to} placeholder="-15m" spellcheck={false} />
        </label>
        <label>
          shards
          <input type="text" name="shard" defaultValue={shard} placeholder="all" class="short" spellcheck={false} />
        </label>
        <button type="submit">what would that do?</button>
        <span class="muted">or click on a bar above</span>
      </form>
      {to === '' ? (
        <CliLine does="process the last quarter of an hour again" line={`positions ${pipeline} ${name} --to -15m`} />
      ) : (
        <Preview key={`${to} ${shard}`} pipeline={pipeline} name={name} to={to} shard={shard} />
      )}
    </>
  );
}

interface Asked {
  readonly pipeline: string;
  readonly name: string;
  readonly to: string;
  readonly shard: string;
}

function Preview({ pipeline, name, to, shard }: Asked) {
  const asked = new URLSearchParams({ to, ...(shard === '' ? {} : { shard }) });
  const answer = useAnswer<MoveAnswer>(`/api${pathOf('moves', pipeline, name)}?${asked}`);
  return <When answer={answer.value}>{(move) => <Move move={move} of={{ pipeline, name, to, shard }} />}</When>;
}

function Move({ move, of: { pipeline, name, to, shard } }: { readonly move: MoveAnswer; readonly of: Asked }) {
  const { shards, isThere, continues, refused, doubles = [], remakes, seen } = move;
  const isDoubling = useSignal(false);
  const more = `${shard === '' ? '' : ` --shard ${shellWord(shard)}`}${doubles.length > 0 ? ' --yes-double' : ''}`;
  const line = `positions ${pipeline} ${name} --to ${shellWord(to)}${more}`;
  const whole = { to, seen, ...(shard === '' ? {} : { shard }), ...(isDoubling.value ? { doubles: true } : {}) };
  return (
    <>
      {remakes && <p>The table is made again of its whole log. Until then its rows stand still, and events wait.</p>}
      {continues && <p>This move was asked for before and is unfinished: it goes on.</p>}
      {shards.length > 0 && <Effects shards={shards} />}
      {isThere && <p class="muted">It is at that position already.</p>}
      {refused !== undefined && <p class="problem">It cannot be moved back: {refused}.</p>}
      {doubles.length > 0 && (
        <p class="look">
          These would get duplicates: {doubles.join(', ')}.{' '}
          {mayWrite() && (
            <label>
              <input
                type="checkbox"
                checked={isDoubling.value}
                onChange={({ currentTarget }) => (isDoubling.value = currentTarget.checked)}
              />{' '}
              do it nevertheless
            </label>
          )}
        </p>
      )}
      {!isThere && refused === undefined && (
        <Act
          name={remakes ? 'make it again' : 'move it'}
          does="moves the step, and waits until it has caught up"
          line={line}
          warns={
            <p>
              {name} moves to {to}. Other steps keep their positions.
            </p>
          }
          path={`/api${pathOf('moves', pipeline, name)}`}
          body={whole}
          isOff={doubles.length > 0 && !isDoubling.value}
        />
      )}
    </>
  );
}

function Effects({ shards }: Pick<MoveAnswer, 'shards'>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label="what the move does" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>shard</th>
            <th>from</th>
            <th>to</th>
            <th class="wide">effect</th>
          </tr>
        </thead>
        <tbody>
          {shards.map(({ shard, from, to, does, events, andMore }) => (
            <tr key={shard}>
              <td>{shard.replace(/^shardId-0*(?=\d)/, '')}</td>
              <td>{from === undefined ? 'nothing read' : <Place place={from} />}</td>
              <td>{to === undefined ? 'the end' : <Place place={to} />}</td>
              <td class="wide">
                {does === 'nothing' ? 'none' : `${does} ${andMore ? 'over ' : ''}${counted(events, 'event')}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Place({
  place: { time, sequenceNumber },
}: {
  readonly place: NonNullable<MoveAnswer['shards'][number]['from']>;
}) {
  return (
    <>
      {time !== undefined && <Time at={time} />} <span class="muted">…{sequenceNumber.slice(-6)}</span>
    </>
  );
}
