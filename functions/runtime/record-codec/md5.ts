/**
 * Computes the MD5 of a text of at most 55 ASCII characters, as a number of 128 bits. Undefined: the text is another
 * one. Nearly every event of a stream with many keys needs one, and a call into OpenSSL takes several times as long
 * (RFC 1321).
 */
export function md5OfShort(text: string): bigint | undefined {
  const { length } = text;
  if (length > LONGEST) return undefined;
  block.fill(0);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    block[i >> 2] = (block[i >> 2] as number) | (code << ((i & 3) * 8));
  }
  block[length >> 2] = (block[length >> 2] as number) | (0x80 << ((length & 3) * 8));
  block[14] = length * 8;
  digest();
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

/** A block has 64 bytes, of which one ends the text and eight tell its length. */
const LONGEST = 55;
const block = new Int32Array(16);
const view = new DataView(new ArrayBuffer(16));

/** The shifts of each round, and the sines of the steps. */
const SHIFTS = Int32Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));
const [A, B, C, D] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476] as const;

/** Digests the block. The four rounds differ in how they mix the state, and in the order of the words. */
function digest(): void {
  let a: number = A;
  let b: number = B;
  let c: number = C;
  let d: number = D;
  for (let i = 0; i < 16; i++) {
    const sum = (((a + ((b & c) | (~b & d))) | 0) + word(i, i)) | 0;
    const shift = SHIFTS[i & 3] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  for (let i = 16; i < 32; i++) {
    const sum = (((a + ((d & b) | (~d & c))) | 0) + word(i, 5 * i + 1)) | 0;
    const shift = SHIFTS[4 | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  for (let i = 32; i < 48; i++) {
    const sum = (((a + (b ^ c ^ d)) | 0) + word(i, 3 * i + 5)) | 0;
    const shift = SHIFTS[8 | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  for (let i = 48; i < 64; i++) {
    const sum = (((a + (c ^ (b | ~d))) | 0) + word(i, 7 * i)) | 0;
    const shift = SHIFTS[12 | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  view.setInt32(0, a + A, true);
  view.setInt32(4, b + B, true);
  view.setInt32(8, c + C, true);
  view.setInt32(12, d + D, true);
}

const word = (step: number, place: number): number => ((SINES[step] as number) + (block[place & 15] as number)) | 0;
