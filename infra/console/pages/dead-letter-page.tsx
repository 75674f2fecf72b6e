import type { LetterAnswer } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { Bytes, CliLine, Copy, Copyable, Facts, Shown, Time, When } from './parts.tsx';
import { pathOf } from './router.ts';

/** Shows one dead letter: why, where it was, and the bytes as they came. */
export function DeadLetterPage({ id }: { readonly id: string }) {
  const answer = useAnswer<LetterAnswer>(`/api/dead-letters${pathOf(...id.split('/'))}`);
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
  return (
    <>
      <p class="problem">
        <strong>{reason}</strong> <Shown text={message} />
      </p>
      <Facts
        facts={{
          step: <a href={pathOf('steps', pipeline, step)}>{`${pipeline}/${step}`}</a>,
          stored: <Time at={stored} />,
          'event key': event && <Copyable text={event.key} what="key" />,
          'event id': event && <Copyable text={event.id} what="id of the event" />,
          'event time': event && <Shown text={event.time} />,
          shard: <Shown text={shard} />,
          'sequence number': sequenceNumber && <Copyable text={sequenceNumber} what="sequence number" />,
          ...Object.fromEntries(Object.entries(origin).map(([name, value]) => [name, <Shown text={String(value)} />])),
        }}
      />
      <Bytes name={bytes.isText ? 'original bytes' : 'original bytes, in base64'} {...bytes} />
      <h2>Commands</h2>
      <CliLine does="the whole of it" line={`dead-letters show ${id} --bytes`} />
      <CliLine does="append it again, for this step only" line={`dead-letters redrive ${id}`} />
      <CliLine does="take it off the list" line={`dead-letters discard ${id} --reason '<text>'`} />
    </>
  );
}
