import { useSignal } from '@preact/signals';
import type { EventAnswer } from '../answers.ts';
import { useAnswer } from './asking.ts';
import { EditData } from './edit-data.tsx';
import { EventWay } from './event-way.tsx';
import { Bytes, CliLine, Copyable, Facts, Shown, StepLinks, Time, When } from './parts.tsx';
import { pathOf } from './router.ts';
import { bytesText, shellWord } from './words.ts';

/** Shows one event: decoded, and raw as it is in its record. */
export function EventPage({ pipeline, stream, shard, position }: EventOf) {
  const answer = useAnswer<EventAnswer>(`/api${pathOf('events', pipeline, stream, shard, position)}`);
  return (
    <>
      <p class="trail">
        <a href="/">Pipelines</a> / {pipeline} / <a href={pathOf('streams', pipeline, stream)}>{stream}</a>
      </p>
      <h1>Event</h1>
      <When answer={answer.value}>
        {(event) => (
          <>
            <Attributes event={event} />
            <Bytes name="data" {...event.data} />
            <EventWay path={pathOf(pipeline, stream, shard, position)} />
            <RunAgain event={event} path={pathOf(pipeline, stream, shard, position)} />
            <Record event={event} />
            <CliLine
              does="its way, in a terminal"
              line={`trace ${shellWord(event.id)} --stream ${pipeline}/${stream}`}
            />
            <CliLine
              does="events with this key"
              line={`tail ${pipeline} ${stream} --key ${shellWord(event.key)} --from earliest --no-follow`}
            />
          </>
        )}
      </When>
    </>
  );
}

/** Runs a transform that reads the event, with other data. */
function RunAgain({ event: { data, transforms }, path }: { readonly event: EventAnswer; readonly path: string }) {
  const chosen = useSignal(transforms[0] ?? '');
  if (transforms.length === 0 || data.isCut || !data.isText) return null;
  return (
    <>
      <h2>Run a step again</h2>
      <p class="muted">With this input, or another: with the code of this repository, and nothing is appended.</p>
      {transforms.length > 1 && (
        <label>
          step{' '}
          <select value={chosen.value} onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}>
            {transforms.map((step) => (
              <option key={step}>{step}</option>
            ))}
          </select>
        </label>
      )}
      <EditData
        text={data.text}
        name={`run ${chosen.value}`}
        path={`/api/run${path}`}
        bodyOf={(edited) => ({ step: chosen.value, data: edited })}
      />
    </>
  );
}

interface EventOf {
  readonly pipeline: string;
  readonly stream: string;
  readonly shard: string;
  readonly position: string;
}

function Attributes({ event }: { readonly event: EventAnswer }) {
  const { id, source, type, time, key, sequence, traceparent, redrivenFor, madeBy } = event;
  return (
    <Facts
      facts={{
        type: <Shown text={type} />,
        key: <Copyable text={key} what="key" />,
        time: <Shown text={time} />,
        id: <Copyable text={id} what="id" />,
        source: <Shown text={source} />,
        'made by': madeBy && <StepLinks steps={[madeBy]} />,
        sequence: sequence && <Copyable text={sequence} what="sequence" />,
        traceparent: traceparent && <Copyable text={traceparent} what="traceparent" />,
        'only for': redrivenFor && <Shown text={redrivenFor} />,
      }}
    />
  );
}

function Record({ event: { record, whole } }: { readonly event: EventAnswer }) {
  const { index, entries, isAggregate, compression } = record;
  return (
    <>
      <h2>In the log</h2>
      <Facts
        facts={{
          stream: record.stream,
          shard: record.shard,
          'sequence number': <Copyable text={record.sequenceNumber} what="sequence number" />,
          arrived: <Time at={record.arrived} />,
          record: isAggregate ? `an aggregate: event ${index + 1} of ${entries}` : 'one event',
          size: bytesText(record.bytes),
          compression,
          'partition key': <Copyable text={record.partitionKey} what="partition key" />,
        }}
      />
      <Bytes name="as it came" {...whole} />
    </>
  );
}
