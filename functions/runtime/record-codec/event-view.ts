import type { Event, HashRange, ReceivedEvent } from '../event.ts';
import { onOneLine, QUOTE } from '../json/json-bytes.ts';
import type { Position } from '../position.ts';
import { readAim } from './aim.ts';
import { encodeEvent } from './encode.ts';

/** What a record says about all its events. */
export interface RecordFacts {
  positionAt(index: number): Position;
  /** The source and the time of events that are no CloudEvents. */
  readonly source: string;
  readonly arrivalTime: string;
}

/**
 * The parts of an event in its record. An attribute is its text, or the offset of a text that is plain ASCII without
 * escapes and ends at the next quote.
 */
export interface EventLayout
  extends Record<Exclude<keyof Event, 'data' | Optional>, string | number>,
    Record<Optional, string | number | undefined> {
  readonly dataSchema?: string | undefined;
  /** Never set for an event in the fixed order. */
  readonly redrivenFor?: string | undefined;
  readonly lateAt?: string | undefined;
  readonly redrivenFrom?: string | undefined;
  readonly aim?: string | undefined;
  readonly buffer: Buffer;
  /** The range of the event's JSON in the buffer. Equal to the range of the data when the record is no CloudEvent. */
  readonly start: number;
  readonly end: number;
  /** The range of the data. Both are 0 when there is no data, which then is `null`. */
  readonly dataStart: number;
  readonly dataEnd: number;
}

type Optional = 'sequence' | 'traceparent' | 'xid' | 'commitLsn';

/**
 * An event as a view of its record. It is a class, and fills in the layout that it is given, because a batch has
 * thousands of events and most are asked for only two or three properties. Making an object with its own getters for
 * each event took longer than reading the record.
 */
export class EventView implements ReceivedEvent {
  private readonly layout: EventLayout;
  private readonly record: RecordFacts;
  private readonly index: number;
  private parsed: unknown = UNPARSED;
  /** The bytes of an event that is no CloudEvent, once somebody has asked for them. */
  private asCloudEvent: Uint8Array | undefined;
  parts: readonly HashRange[] | undefined;

  constructor(layout: EventLayout, record: RecordFacts, index: number) {
    this.layout = layout;
    this.record = record;
    this.index = index;
  }

  get id(): string {
    const { id } = this.layout;
    if (typeof id === 'string') return id;
    this.layout.id = this.textAt(id);
    return this.layout.id;
  }

  get source(): string {
    const { source } = this.layout;
    if (typeof source === 'string') return source;
    this.layout.source = this.textAt(source);
    return this.layout.source;
  }

  get type(): string {
    const { type } = this.layout;
    if (typeof type === 'string') return type;
    this.layout.type = this.textAt(type);
    return this.layout.type;
  }

  get time(): string {
    const { time } = this.layout;
    if (typeof time === 'string') return time;
    this.layout.time = this.textAt(time);
    return this.layout.time;
  }

  get key(): string {
    const { key } = this.layout;
    if (typeof key === 'string') return key;
    this.layout.key = this.textAt(key);
    return this.layout.key;
  }

  get sequence(): string | undefined {
    const { sequence } = this.layout;
    if (typeof sequence !== 'number') return sequence;
    this.layout.sequence = this.textAt(sequence);
    return this.layout.sequence;
  }

  get traceparent(): string | undefined {
    const { traceparent } = this.layout;
    if (typeof traceparent !== 'number') return traceparent;
    this.layout.traceparent = this.textAt(traceparent);
    return this.layout.traceparent;
  }

  get xid(): string | undefined {
    const { xid } = this.layout;
    if (typeof xid !== 'number') return xid;
    this.layout.xid = this.textAt(xid);
    return this.layout.xid;
  }

  get commitLsn(): string | undefined {
    const { commitLsn } = this.layout;
    if (typeof commitLsn !== 'number') return commitLsn;
    this.layout.commitLsn = this.textAt(commitLsn);
    return this.layout.commitLsn;
  }

  /** The range that this copy of an event in every shard is for. An event of another producer may claim anything. */
  get aim(): HashRange | undefined {
    const { aim, redrivenFor } = this.layout;
    return aim === undefined || redrivenFor !== undefined ? undefined : readAim(aim);
  }

  get dataSchema(): string | undefined {
    return this.layout.dataSchema;
  }

  get redrivenFor(): string | undefined {
    return this.layout.redrivenFor;
  }

  /** An event of another producer may claim anything: only one that was put back has it. */
  get lateAt(): string | undefined {
    return this.layout.redrivenFor === undefined ? undefined : this.layout.lateAt;
  }

  get redrivenFrom(): string | undefined {
    return this.layout.redrivenFor === undefined ? undefined : this.layout.redrivenFrom;
  }

  get data(): unknown {
    if (this.parsed === UNPARSED) {
      const { buffer, dataStart, dataEnd } = this.layout;
      this.parsed = dataEnd === 0 ? null : JSON.parse(buffer.toString('utf8', dataStart, dataEnd));
    }
    return this.parsed;
  }

  get position(): Position {
    return this.record.positionAt(this.index);
  }

  get bytes(): Uint8Array {
    const { buffer, start, end, dataStart, dataEnd } = this.layout;
    const isForeign = start === dataStart && end === dataEnd;
    if (!isForeign) return onOneLine(buffer.subarray(start, end));
    this.asCloudEvent ??= onOneLine(encodeEvent(this));
    return this.asCloudEvent;
  }

  get original(): Uint8Array {
    const { buffer, start, end } = this.layout;
    return buffer.subarray(start, end);
  }

  get dataBytes(): Uint8Array {
    const { buffer, dataStart, dataEnd } = this.layout;
    return dataEnd === 0 ? Buffer.from('null') : buffer.subarray(dataStart, dataEnd);
  }

  private textAt(start: number): string {
    const { buffer } = this.layout;
    return buffer.toString('latin1', start, buffer.indexOf(QUOTE, start));
  }
}

const UNPARSED = Symbol('unparsed');
