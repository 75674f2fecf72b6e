/**
 * Where everything is in the scanner's memory: numbers of four bytes. At 0 is the key that is not remembered, of no
 * column.
 */
export const UNKNOWN = 0;

/** What was seen in a value since it was last set to 0: */
export const SEEN_IN_VALUE = 16;
export const HAS_ESCAPE = 1;
export const HAS_FRACTION = 2;
export const HAS_EXPONENT = 4;

/** A byte beyond ASCII was seen: whether the event is UTF-8 is still to be checked. */
export const SEEN_HIGH = 20;
/** A column came again. */
export const REPEATED = 24;
/** The end of the event, the next key, and how many of the wanted columns were found before it. */
export const EVENT_END = 28;
export const NEXT_KEY = 32;
export const FOUND = 36;
/** How many columns there are, in all. */
export const COLUMNS = 40;
/** The key that was read last, its length, and where the next one can be remembered. */
export const LAST_KEY = 44;
export const KEY_LENGTH = 48;
export const FREE = 52;
/**
 * Without this text as the value of its column, WHERE is false; how many lines were skipped because of that, and
 * whether the one after them is read as far as WHERE reads.
 */
export const NEEDED_COLUMN = 56;
export const NEEDED_LENGTH = 60;
export const SKIPPED = 64;
export const IS_BEGUN = 68;
export const NEEDED_TEXT = 1024;
export const MOST_NEEDED = 1024;

const PAGE = 1 << 16;
export const MAX_COLUMNS = 2048;
/**
 * For each column: where its value starts and ends, its key starts, what was seen in it, and the key as it is
 * remembered.
 */
export const STARTS = PAGE;
export const ENDS = STARTS + 4 * MAX_COLUMNS;
export const KEYS = ENDS + 4 * MAX_COLUMNS;
export const SEEN = KEYS + 4 * MAX_COLUMNS;
export const NAMES = SEEN + 4 * MAX_COLUMNS;

/** Remembered keys by their hash. */
export const TABLE = 2 * PAGE;
export const TABLE_SLOTS = 1 << 13;
/**
 * The remembered keys, one after the other; the first one stands for the beginning of an event. Each takes 32 bytes or
 * more, so the table is never more than half full.
 */
export const REMEMBERED = 3 * PAGE;
export const REMEMBERED_END = REMEMBERED + 32 * (TABLE_SLOTS / 2);
/** Of a remembered key: */
export const LENGTH = 0;
export const COLUMN = 4;
/** The key that came after it the last time. */
export const FOLLOWER = 8;
export const IS_HIGH = 12;
export const KEY_BYTES = 16;

/** The text that is scanned, and behind it what ends every loop. */
export const TEXT = 5 * PAGE;
export const TEXT_SIZE = 16 << 20;
/** Behind the text there is room to look for the end of the longest key. */
export const PAGES = (TEXT + TEXT_SIZE + REMEMBERED_END - REMEMBERED) / PAGE + 1;
