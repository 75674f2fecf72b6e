import type { Database } from '../../clients/postgres.ts';
import type { PullTurn } from '../../runtime/source.ts';
import { chunkPages, mostEvents, type Page } from './chunk-pages.ts';
import { type Decoder, openDecoder } from './decode.ts';
import { roomIn } from './fixed-chunk.ts';
import { followPosition } from './follow-position.ts';
import type { Lsn } from './lsn.ts';
import { openMarks } from './marks.ts';
import { noteOf } from './note.ts';
import type { ChangesPosition, ReadUpTo } from './position.ts';
import type { Following } from './relations.ts';
import { errorIn, type LogReader } from './replication.ts';
import { type SnapshotTable, type TakingSnapshot, takeSnapshot } from './take-snapshot.ts';

interface Reading {
  readonly from: ChangesPosition & { readonly read: ReadUpTo };
  readonly following: Following;
  readonly tables: ReadonlyMap<string, SnapshotTable>;
  readonly log: LogReader;
  /** For messages of ours. */
  readonly database: Database;
  /** For the rows that are there already. */
  readonly lanes: readonly Database[];
  /** True: no rows are read for now. */
  readonly isPaused: boolean;
}

/** A page also ends with so many bytes, or when nothing more has come for a moment, or after a time. */
const PAGE_BYTES = 4 * 1024 * 1024;
const LINGER_MILLIS = 20;
const LONGEST_PAGE_MILLIS = 250;

/** How long the reader waits at once while nothing comes. */
const WAIT_MILLIS = 250;

const MOST_LEFT_OUT = 100;

/**
 * Yields the pages of one connection. Until the log has been read up to what it had at the start, only full pages are
 * yielded: so what an earlier run has appended behind its position is in the first page, whole.
 */
export async function* readPages(reading: Reading, turn: PullTurn): AsyncGenerator<Page> {
  const { from, log, database, following, tables } = reading;
  const { slot } = from;
  const moving = followPosition(from.read);
  const marks = openMarks(database, { slot, moving, signal: turn.signal });
  const chunks = chunksOf(reading, turn);
  let isReached = false;
  const decoder = openDecoder(following, {
    begun: moving.begun,
    committed(transaction) {
      moving.committed(transaction);
      chunks?.passed(transaction.xid);
    },
    ...(chunks === undefined ? {} : { changed: chunks.changed, truncated: chunks.truncated }),
    said(content, lsn) {
      isReached ||= chunks?.reached(content, lsn) === true;
    },
  });
  let isCaughtUp = false;
  let pageMillis = Date.now();
  const leftOutNow = () => [...decoder.leftOut].sort().slice(0, MOST_LEFT_OUT);
  const positionNow = (): ChangesPosition => {
    const [snapshot, leftOut] = [chunks?.now(), leftOutNow()];
    return {
      slot,
      tables: [...tables.keys()],
      read: moving.now(),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(leftOut.length === 0 ? {} : { leftOut }),
    };
  };
  const page = (chunk?: ChangesPosition['chunk']): Page => {
    pageMillis = Date.now();
    const note = noteOf({ snapshot: chunks?.progress(), leftOut: leftOutNow(), kept: marks.kept() });
    const kept = marks.news();
    return {
      ...decoder.taken(),
      ...(note === undefined ? {} : { note }),
      ...(kept === undefined ? {} : { kept }),
      position: { ...positionNow(), ...(chunk === undefined ? {} : { chunk }) },
    };
  };
  const chunkReached = function* (): Generator<Page> {
    const room = roomIn(positionNow());
    const left = chunks?.now();
    const chunk = chunks?.take(room);
    if (chunk === undefined) return;
    // A retry has to find the same rows: they are stored before the first of them is appended. A row for which no
    // position has room is read again: it may come twice then, but is not lost.
    const isStored = chunk.rows.length <= room;
    const before = page(isStored ? chunk : undefined);
    const behind = before.position;
    yield isStored || left === undefined ? before : { ...before, position: { ...behind, snapshot: left } };
    yield* chunkPages({ ...behind, chunk }, turn);
  };

  /** Yields what the bytes that have come fill. */
  const fullPages = async function* (): AsyncGenerator<Page> {
    while (log.frames.next()) {
      const serverAt = readFrame(log, decoder);
      if (serverAt !== undefined) marks.serverIsAt(serverAt);
      if (isReached) {
        isReached = false;
        yield* chunkReached();
      } else if (decoder.waiting.events >= mostEvents(turn) || decoder.waiting.bytes >= PAGE_BYTES) {
        await chunks?.prune();
        yield page();
      }
    }
    await chunks?.prune();
  };

  for (let isQuiet = false; ; ) {
    yield* fullPages();
    turn.signal.throwIfAborted();
    const isMarkRead = marks.wasRead();
    isCaughtUp ||= isMarkRead;
    const isOld = isQuiet || turn.ending.aborted || Date.now() - pageMillis >= LONGEST_PAGE_MILLIS;
    if (isMarkRead || (isCaughtUp && decoder.waiting.events > 0 && isOld)) yield page();
    if (turn.ending.aborted) return;
    marks.writeWhenDue();
    chunks?.readOn(moving.current());
    const isWaiting = decoder.waiting.events === 0;
    if (isWaiting) pageMillis = Date.now();
    isQuiet = !(await log.more(isWaiting ? WAIT_MILLIS : LINGER_MILLIS));
  }
}

/** Opens what is left of the snapshot. Undefined: nothing is. */
function chunksOf(
  { from, tables, database, lanes, isPaused }: Reading,
  { signal }: PullTurn,
): TakingSnapshot | undefined {
  const { snapshot, slot } = from;
  if (snapshot === undefined) return undefined;
  const { inside } = from.read;
  // Its first changes were read before, and no chunk of this run knows them.
  const passed = inside === undefined ? snapshot.passed : [...snapshot.passed, inside.xid];
  return takeSnapshot({ ...snapshot, passed }, { slot, tables, database, lanes, isPaused, signal });
}

const KIND = { copyData: 0x64, copyDone: 0x63, error: 0x45 } as const;
const BODY = { data: 0x77, keepalive: 0x6b } as const;
/** A letter, and three numbers of 64 bits. */
const DATA_HEAD_BYTES = 25;

/** Reads one message of the connection. Returns where the server's log ends, when the message says so. */
function readFrame(log: LogReader, decoder: Decoder): Lsn | undefined {
  const { frames } = log;
  if (frames.kind === KIND.error) throw errorIn(frames);
  if (frames.kind === KIND.copyDone) throw new Error('the database has ended the stream of its log');
  if (frames.kind !== KIND.copyData) return undefined;
  const { bytes, start } = frames;
  if (bytes[start] === BODY.data) {
    decoder.read(frames, start + DATA_HEAD_BYTES);
    return undefined;
  }
  if (bytes[start] !== BODY.keepalive) return undefined;
  const wantsReply = bytes[start + 17] === 1;
  if (wantsReply) log.acknowledge(0n);
  return bytes.readBigUInt64BE(start + 1);
}
