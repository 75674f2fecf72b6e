/** The bytes of JSON's own characters. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const SPACE = 0x20;
export const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The byte order mark of UTF-8. */
export const UTF8_MARK = Buffer.of(0xef, 0xbb, 0xbf);

/** Tells whether bytes begin with the byte order mark of UTF-8. */
export function hasUtf8Mark(bytes: Buffer): boolean {
  return bytes.subarray(0, UTF8_MARK.length).equals(UTF8_MARK);
}

/**
 * Puts a JSON text on one line. JSON has line breaks between its tokens only, and there a blank means the same. Some
 * readers of lines end one at a carriage return, so carriage returns become blanks too.
 */
export function onOneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(LINE_FEED) && !json.includes(CARRIAGE_RETURN)) return json;
  return json.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? SPACE : byte));
}
