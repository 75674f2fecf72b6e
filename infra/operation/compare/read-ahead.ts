/** A file that is gone since it was listed, because others merge or remove files. */
export class FileGone extends Error {}

/** Tells whether a listing was overtaken by those who merge files: list and read again then. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof FileGone;
}

/** Files that are fetched ahead. A file has up to about 128 MiB. */
const AT_ONCE = 4;

/** Reads files in their order, and fetches the next ones meanwhile. Throws `FileGone` where `get` finds no file. */
export async function* readAhead<File extends { readonly key: string }>(
  files: readonly File[],
  get: (file: File) => Promise<Buffer | undefined>,
): AsyncGenerator<readonly [File, Buffer]> {
  const coming: { readonly file: File; readonly bytes: Promise<Buffer | undefined> }[] = [];
  for (let next = 0; next < files.length || coming.length > 0; ) {
    while (coming.length < AT_ONCE && next < files.length) {
      const file = files[next++] as File;
      const bytes = get(file);
      // Awaited below, unless another one fails first.
      bytes.catch(() => undefined);
      coming.push({ file, bytes });
    }
    const { file, bytes } = coming.shift() as (typeof coming)[number];
    const content = await bytes;
    if (content === undefined) throw new FileGone(file.key);
    yield [file, content];
  }
}
