import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Answered } from './asking.ts';
import { topology } from './live-steps.ts';
import { isJson, prettyJson } from './pretty-json.ts';
import { pathOf } from './router.ts';
import { visibleParts } from './visible-text.ts';
import { bytesText, durationText, timeText } from './words.ts';
import { zone } from './zone.ts';

/** Shows a text of a producer as text, with what is invisible in it. */
export function Shown({ text }: { readonly text: string }) {
  return (
    <>
      {visibleParts(text).map((part) =>
        part.isHidden ? (
          <span class="hidden-character" title="a character that cannot be seen">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </>
  );
}

/** Shows a time in the zone that was chosen, and how long ago it was when the mouse is over it. */
export function Time({ at }: { readonly at: string | number }) {
  const ago = Date.now() - new Date(at).getTime();
  return (
    <time dateTime={new Date(at).toISOString()} title={ago >= 0 ? `${durationText(ago)} ago` : 'in the future'}>
      {timeText(at, zone.value)}
    </time>
  );
}

const COPIED_MILLIS = 1_500;

/** A button that copies a text. `what` completes "copy the …". */
export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const isDone = useSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    isDone.value = true;
    setTimeout(() => {
      isDone.value = false;
    }, COPIED_MILLIS);
  };
  return (
    <button type="button" class="copy" aria-label={`copy the ${what}`} title={`copy the ${what}`} onClick={copy}>
      {isDone.value ? 'copied' : 'copy'}
    </button>
  );
}

/** A command line that does what the text before it says. */
export function CliLine({ line, does }: { readonly line: string; readonly does: string }) {
  const whole = `npx millrace ${line}${topology.value?.options ?? ''}`;
  return (
    <div class="cli">
      <span class="muted">{does}</span>
      <code>
        <Shown text={whole} />
      </code>
      <Copy text={whole} what="command line" />
    </div>
  );
}

/** Shows bytes of a producer: as they came, or indented when they are JSON. */
export function Bytes({ text, size, isCut, name }: BytesOf) {
  const isPretty = useSignal(true);
  const canIndent = !isCut && isJson(text);
  const shown = canIndent && isPretty.value ? prettyJson(text) : text;
  return (
    <section class="bytes" aria-label={name}>
      <header>
        <h2>{name}</h2>
        <span class="muted">
          {bytesText(size)}
          {isCut ? `, of which ${bytesText(text.length)} are shown` : ''}
        </span>
        <span class="gap" />
        {canIndent && (
          <button type="button" aria-pressed={isPretty.value} onClick={() => (isPretty.value = !isPretty.value)}>
            indent
          </button>
        )}
        <Copy text={text} what={name} />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <Shown text={shown} />
      </pre>
    </section>
  );
}

interface BytesOf {
  readonly text: string;
  /** Of the whole, in bytes. */
  readonly size: number;
  readonly isCut: boolean;
  readonly name: string;
}

/** Shows an answer of the server, or that it is on its way, or why there is none. */
export function When<T>({ answer, children }: { readonly answer: Answered<T>; children(value: T): ComponentChildren }) {
  if (answer.is === 'asking') return <p class="muted waiting">Asking …</p>;
  if (answer.is === 'failed')
    return (
      <p class="problem" role="alert">
        <Shown text={answer.why} />
      </p>
    );
  return <>{children(answer.value)}</>;
}

/** Names and values, one a line. A value that is undefined is left out. */
export function Facts({ facts }: { readonly facts: Readonly<Record<string, ComponentChildren>> }) {
  const there = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '' && value !== false);
  return (
    <dl class="facts">
      {there.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Links to a stream, `<pipeline>/<stream>`; one that exists without us is not in any pipeline. */
export function StreamLink({ stream }: { readonly stream: string }) {
  if (stream.startsWith('arn:')) return <Shown text={stream} />;
  return <a href={pathOf('streams', ...stream.split('/'))}>{stream}</a>;
}

/** Links to steps, `<pipeline>/<step>`. */
export function StepLinks({ steps }: { readonly steps: readonly string[] }) {
  if (steps.length === 0) return <>none</>;
  return (
    <>
      {steps.map((step, index) => (
        <span key={step}>
          {index > 0 && ', '}
          <a href={pathOf('steps', ...step.split('/'))}>{step}</a>
        </span>
      ))}
    </>
  );
}

/** A value with a button that copies it. */
export function Copyable({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <>
      <Shown text={text} /> <Copy text={text} what={what} />
    </>
  );
}
