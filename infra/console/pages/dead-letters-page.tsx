import type { LettersAnswer } from '../answers.ts';
import { Act } from './acting.tsx';
import { useAnswer } from './asking.ts';
import { CliLine, Shown, Time, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { counted } from './words.ts';

/** Lists dead letters by step, reason and what is wrong; with a group in the query, the letters of that group. */
export function DeadLettersPage({ pipeline, step }: { readonly pipeline: string; readonly step: string }) {
  const answer = useAnswer<LettersAnswer>(`/api/dead-letters?${new URLSearchParams({ pipeline, step })}`);
  const of = [pipeline, step].filter(Boolean).join('/');
  return (
    <>
      {of !== '' && (
        <p class="trail">
          <a href="/dead-letters">Dead letters</a>
        </p>
      )}
      <h1>{of === '' ? 'Dead letters' : `Dead letters of ${of}`}</h1>
      <When answer={answer.value}>{(letters) => <Groups answer={letters} pipeline={pipeline} step={step} />}</When>
    </>
  );
}

function Groups({
  answer,
  pipeline,
  step,
}: {
  readonly answer: LettersAnswer;
  readonly pipeline: string;
  readonly step: string;
}) {
  const { groups, unread } = answer;
  if (groups.length === 0)
    return (
      <>
        <p>
          There are no dead letters{step === '' && pipeline === '' ? '' : ' here'}. This command also looks for records
          that Lambda discarded:
        </p>
        <CliLine does="list" line={['dead-letters', pipeline || '<pipeline>', step].filter(Boolean).join(' ')} />
      </>
    );
  const chosen = Number(place.value.query.get('group') ?? -1);
  const group = groups[chosen];
  return (
    <>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>step</th>
              <th>reason</th>
              <th class="number">count</th>
              <th class="wide">what is wrong</th>
              <th>last stored</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((one, index) => (
              <tr key={`${one.step} ${one.reason} ${one.pattern}`} aria-current={index === chosen}>
                <td>
                  {one.pipeline}/{one.step}
                </td>
                <td>{one.reason}</td>
                <td class="number">{one.count.toLocaleString('en-US')}</td>
                <td class="wide">
                  <a data-row href={`${place.value.path}?group=${index}`}>
                    <Shown text={one.pattern} />
                  </a>
                </td>
                <td>
                  <Time at={one.lastStored} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {unread > 0 && <p class="muted">{counted(unread, 'dead letter')} more are stored and were not read.</p>}
      {group !== undefined && <Letters group={group} />}
      {step !== '' && (
        <>
          <h2>Commands</h2>
          <Act
            name="redrive all"
            does="append them again, for this step only"
            line={`dead-letters redrive ${pipeline} ${step} --all`}
            warns={
              <p>They come after newer events with their keys: in a table with a key, they overwrite newer rows.</p>
            }
            path={`/api${pathOf('redrive', pipeline, step)}`}
            body={{ which: { all: true } }}
          />
          <CliLine
            does="take them off the list"
            line={`dead-letters discard ${pipeline} ${step} --all --reason '<text>'`}
          />
        </>
      )}
    </>
  );
}

function Letters({ group }: { readonly group: LettersAnswer['groups'][number] }) {
  return (
    <>
      <div class="title">
        <h2>
          {group.reason} in {group.pipeline}/{group.step}
        </h2>
        <span class="gap" />
        <button type="button" onClick={() => go(place.value.path)}>
          close
        </button>
      </div>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>stored</th>
              <th>key</th>
              <th class="wide">message</th>
              <th>id</th>
            </tr>
          </thead>
          <tbody>
            {group.letters.map(({ id, stored, message, key }) => (
              <tr key={id}>
                <td>
                  <Time at={stored} />
                </td>
                <td>{key === undefined ? '–' : <Shown text={key} />}</td>
                <td class="wide">
                  <Shown text={message} />
                </td>
                <td>
                  <a data-row href={pathOf('dead-letters', ...id.split('/'))}>
                    {id.split('/').at(-1)}
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {group.count > group.letters.length && (
        <p class="muted">
          The first {group.letters.length} of {counted(group.count, 'dead letter')}.
        </p>
      )}
    </>
  );
}
