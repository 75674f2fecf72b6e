import { useSignal } from '@preact/signals';
import type { TraceAnswer, TraceLink, TracePlace, TraceStep } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { Shown, StepLinks, Time, When } from './parts.tsx';
import { pathOf } from './router.ts';
import { counted } from './words.ts';

/** Shows where an event came from and, when somebody asks, where it went on. `path` is that of the event. */
export function EventWay({ path }: { readonly path: string }) {
  const asksOnward = useSignal(false);
  const asksTables = useSignal(false);
  const asked = new URLSearchParams({
    ...(asksOnward.value ? { onward: '1' } : {}),
    ...(asksTables.value ? { tables: '1' } : {}),
  });
  const answer = useAnswer<TraceAnswer>(`/api/trace${path}?${asked}`);
  return (
    <>
      <h2>Where it came from</h2>
      <When answer={answer.value}>
        {({ back, onward }) => (
          <>
            <ol class="way">
              {back.map((link) => (
                <li key={`${link.stream} ${link.position}`}>
                  <Place place={link} />
                  <div class="muted">
                    <Origin link={link} />
                    {link.origin === 'table' && !asksTables.value && (
                      <button type="button" onClick={() => (asksTables.value = true)}>
                        read its whole input to find them
                      </button>
                    )}
                  </div>
                </li>
              ))}
            </ol>
            <h2>Where it went on</h2>
            {onward === undefined ? (
              <button type="button" onClick={() => (asksOnward.value = true)}>
                follow it through the steps that read it
              </button>
            ) : (
              <Steps steps={onward} />
            )}
          </>
        )}
      </When>
    </>
  );
}

function Place({ place: { stream, shard, position, type, key, arrived } }: { readonly place: TracePlace }) {
  const words = (
    <>
      <Shown text={type} />{' '}
      <strong>
        <Shown text={key} />
      </strong>
    </>
  );
  return (
    <div>
      {stream.startsWith('arn:') ? (
        words
      ) : (
        <a href={pathOf('events', ...stream.split('/'), shard, position)}>{words}</a>
      )}{' '}
      in {stream}, <Time at={arrived} />
    </div>
  );
}

function Origin({ link: { origin, madeBy = '', generation, verdict, madeOf } }: { readonly link: TraceLink }) {
  switch (origin) {
    case 'elsewhere':
      return <>another producer sent it</>;
    case 'source':
      return (
        <>
          came in through <StepLinks steps={[madeBy]} />
        </>
      );
    case 'redrive':
      return (
        <>
          an operator put it back, for <StepLinks steps={[madeBy]} />
        </>
      );
    case 'table':
      return (
        <>
          <StepLinks steps={[madeBy]} /> made it
          {madeOf === undefined || madeOf.count === 0
            ? ', of any number of events. '
            : ` of ${counted(madeOf.count, 'event')}${madeOf.count > 1 ? ', the last of which follows' : ''}. `}
          {verdict?.is === 'same' && 'Made again of them, it is the same.'}
          {verdict?.is === 'unknown' && `${verdict.why}.`}
          {madeOf?.before.map((one) => (
            <Place key={one.position} place={one} />
          ))}
        </>
      );
    case 'transform':
      return (
        <>
          <StepLinks steps={[madeBy]} /> made it, with code and options {generation}.{' '}
          {verdict?.is === 'same' && 'Run again on its input, the step makes the same.'}
          {verdict?.is === 'different' && <span class="look">Run again: {verdict.why}.</span>}
          {verdict?.is === 'unknown' && `Not run again: ${verdict.why}.`}
        </>
      );
  }
}

const OUTCOMES = {
  waiting: 'has not come to it',
  passed: 'has taken it',
  refused: 'refuses it',
  unknown: 'is out of reach',
} as const;

function Steps({ steps }: { readonly steps: readonly TraceStep[] }) {
  if (steps.length === 0) return <p class="muted">No step reads its stream.</p>;
  return (
    <ul class="way">
      {steps.map(({ step, kind, outcome, why, outputs }) => (
        <li key={step}>
          {kind} <StepLinks steps={[step]} />{' '}
          {outcome === 'made'
            ? outputs.length === 0
              ? 'drops it'
              : `makes ${counted(outputs.length, 'event')} of it`
            : OUTCOMES[outcome]}
          {why !== undefined && (
            <>
              : <Shown text={why} />
            </>
          )}
          {outputs.map(({ type, key, place, onward }, index) => (
            <div class="output" key={place?.position ?? index}>
              {place === undefined ? (
                <>
                  <Shown text={`${type} ${key}`} />: not in the log
                </>
              ) : (
                <>
                  <Place place={place} />
                  <Steps steps={onward} />
                </>
              )}
            </div>
          ))}
        </li>
      ))}
    </ul>
  );
}
