import { useSignal } from '@preact/signals';
import type { LetterAnswer } from '../answers.ts';
import { Act, mayWrite } from './acting.tsx';
import { useAnswer } from './asking.ts';
import { EditData } from './edit-data.tsx';
import { Bytes, CliLine, Copy, Copyable, Facts, Shown, Time, When } from './parts.tsx';
import { go, pathOf, place } from './router.ts';
import { shellWord } from './words.ts';

/** Shows one dead letter: why, where it was, and the bytes as they came. */
export function DeadLetterPage({ id }: { readonly id: string }) {
  const answer = useAnswer<LetterAnswer>(`/api/dead-letters${pathOf(...id.split('/'))}?${place.value.query}`);
  const [pipeline = '', step = '', hash = ''] = id.split('/');
  return (
    <>
      <p class="trail">
        <a href="/dead-letters">Dead letters</a> /{' '}
        <a href={pathOf('dead-letters', pipeline, step)}>{`${pipeline}/${step}`}</a>
      </p>
      <h1>
        {hash} <Copy text={id} what="id" />
      </h1>
      <When answer={answer.value}>{(letter) => <Letter letter={letter} />}</When>
    </>
  );
}

function Letter({ letter }: { readonly letter: LetterAnswer }) {
  const { id, pipeline, step, reason, message, stored, shard, sequenceNumber, event, origin, bytes } = letter;
  const { data, mended } = letter;
  const back = (): void => go(pathOf('dead-letters', pipeline, step));
  return (
    <>
      <p class="problem">
        <strong>{reason}</strong> <Shown text={message} />
      </p>
      <Facts
        facts={{
          step: <a href={pathOf('steps', pipeline, step)}>{`${pipeline}/${step}`}</a>,
          stored: <Time at={stored} />,
          mended: mended && <Time at={mended} />,
          'event key': event && <Copyable text={event.key} what="key" />,
          'event id': event && <Copyable text={event.id} what="id of the event" />,
          'event time': event && <Shown text={event.time} />,
          shard: <Shown text={shard} />,
          'sequence number': sequenceNumber && <Copyable text={sequenceNumber} what="sequence number" />,
          ...Object.fromEntries(Object.entries(origin).map(([name, value]) => [name, <Shown text={String(value)} />])),
        }}
      />
      <Bytes
        name={`${mended === undefined ? 'original' : 'mended'} bytes${bytes.isText ? '' : ', in base64'}`}
        {...bytes}
      />
      <h2>Commands</h2>
      <CliLine does="the whole of it" line={`dead-letters show ${id} --bytes`} />
      <Act
        name="redrive"
        does="append it again, for this step only"
        line={`dead-letters redrive ${id}`}
        warns={<p>It comes after newer events with its key: in a table with a key, it overwrites a newer row.</p>}
        path={`/api${pathOf('redrive', pipeline, step)}`}
        body={{ which: { id } }}
        done={back}
      />
      <Discard id={id} pipeline={pipeline} step={step} done={back} />
      {data?.isText && !data.isCut && <Mend id={id} text={data.text} />}
    </>
  );
}

function Discard({
  id,
  pipeline,
  step,
  done,
}: {
  readonly id: string;
  readonly pipeline: string;
  readonly step: string;
  done(): void;
}) {
  const why = useSignal('');
  const reason = why.value.trim();
  return (
    <>
      {mayWrite() && (
        <label class="reason">
          why it may go{' '}
          <input
            type="text"
            value={why.value}
            placeholder="sent again by hand"
            onInput={({ currentTarget }) => (why.value = currentTarget.value)}
          />
        </label>
      )}
      <Act
        name="discard"
        does="take it off the list"
        line={`dead-letters discard ${id} --reason ${reason === '' ? "'<text>'" : shellWord(reason)}`}
        path={`/api${pathOf('discard', pipeline, step)}`}
        body={{ which: { id }, why: reason }}
        isOff={reason === ''}
        done={done}
      />
    </>
  );
}

/** Lets somebody try other data and, where the console may write, keep it. */
function Mend({ id, text }: { readonly id: string; readonly text: string }) {
  const data = useSignal<string | undefined>(undefined);
  const path = pathOf(...id.split('/'));
  return (
    <>
      <h2>Mend it</h2>
      <EditData
        text={text}
        name="what would its step make of that?"
        path={`/api/try${path}`}
        bodyOf={(edited) => ({ data: edited })}
        edited={(edited) => (data.value = edited)}
      />
      <Act
        name="mend"
        does="give it this data; redrive it then"
        line={`dead-letters mend ${id} --data <file>`}
        path={`/api/mend${path}`}
        body={{ data: data.value ?? text }}
        isOff={data.value === undefined}
        done={() => go(`${pathOf('dead-letters', ...id.split('/'))}?mended=${Date.now()}`, { replace: true })}
      />
    </>
  );
}
