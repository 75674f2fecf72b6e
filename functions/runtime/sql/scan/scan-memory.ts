/**
 * Addresses in the scanner's memory. The values are numbers of four bytes, if nothing else is said. At 0 is the unknown
 * key, which stands for every key that is not remembered; it has no column.
 */
export const UNKNOWN = 0;

/** Flags of the values scanned since this was last set to 0: */
export const SEEN_IN_VALUE = 16;
export const HAS_ESCAPE = 1;
export const HAS_FRACTION = 2;
export const HAS_EXPONENT = 4;

/** Not 0 if a byte beyond ASCII was seen. Whether the event is valid UTF-8 then still has to be checked. */
export const SEEN_HIGH = 20;
/** 1 if a column was repeated. */
export const REPEATED = 24;
/** The end of the event, the next key, and the number of required columns found before that key. */
export const EVENT_END = 28;
export const NEXT_KEY = 32;
export const FOUND = 36;
/** The number of columns of the statement. */
export const COLUMNS = 40;
/** The last key read, the length of the last key that was looked up, and the free memory for the next new key. */
export const LAST_KEY = 44;
export const KEY_LENGTH = 48;
export const FREE = 52;
/**
 * The column and the length of the text that it must have for WHERE to be true, the number of lines skipped because
 * they do not have it, and whether the line after them has been read as far as WHERE reads.
 */
export const NEEDED_COLUMN = 56;
export const NEEDED_LENGTH = 60;
export const SKIPPED = 64;
export const IS_BEGUN = 68;
export const NEEDED_TEXT = 1024;
export const MOST_NEEDED = 1024;

const PAGE = 1 << 16;
export const MAX_COLUMNS = 2048;
/** For each column: the start and end of its value, the start of its key, its flags, and its remembered key. */
export const STARTS = PAGE;
export const ENDS = STARTS + 4 * MAX_COLUMNS;
export const KEYS = ENDS + 4 * MAX_COLUMNS;
export const SEEN = KEYS + 4 * MAX_COLUMNS;
export const NAMES = SEEN + 4 * MAX_COLUMNS;

/** The hash table of remembered keys. */
export const TABLE = 2 * PAGE;
export const TABLE_SLOTS = 1 << 13;
/**
 * The remembered keys, one after the other. The first one stands for the beginning of an event. A key takes at least 32
 * bytes, so the hash table is never more than half full.
 */
export const REMEMBERED = 3 * PAGE;
export const REMEMBERED_END = REMEMBERED + 32 * (TABLE_SLOTS / 2);
/** Offsets in a remembered key: */
export const LENGTH = 0;
export const COLUMN = 4;
/** The key that followed this one last time: the prediction for the next event. */
export const FOLLOWER = 8;
export const IS_HIGH = 12;
export const KEY_BYTES = 16;

/** The text that is scanned, followed by the bytes that end every loop. */
export const TEXT = 5 * PAGE;
export const TEXT_SIZE = 16 << 20;
/** After the text there is room to read beyond its end by the length of the longest key. */
export const PAGES = (TEXT + TEXT_SIZE + REMEMBERED_END - REMEMBERED) / PAGE + 1;
