import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { TraceError } from './trace-error.js';

/** How much is read, and unpacked, in one piece (bytes). Larger pieces leave the processor's caches. */
const CHUNK_BYTES = 128 * 1024;

/** As many bytes as it takes to recognise every magic number below. */
const MAGIC_BYTES = 8;

/** Files that are easily mistaken for a trace in text form, by their first bytes, and what to do with them. */
const FOREIGN_FORMATS = [
  { magic: 'PERFILE2', name: 'a perf.data file', remedy: 'convert it with `perf script -i FILE`' },
  {
    magic: '\x17\x08Dtracin',
    name: 'a trace.dat file',
    remedy: 'convert it with `trace-cmd report -R FILE`',
  },
  { magic: '\x28\xb5\x2f\xfd', name: 'zstd data', remedy: 'unpack it with `zstd -d`' },
  { magic: '\xfd7zXZ', name: 'xz data', remedy: 'unpack it with `xz -d`' },
  { magic: 'BZh', name: 'bzip2 data', remedy: 'unpack it with `bzip2 -d`' },
] as const;

/** The code of a Node or zlib error (`ENOENT`, `Z_BUF_ERROR`), or the empty string. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function inputError(file: string, error: unknown): TraceError {
  if (error instanceof TraceError) return error;
  const code = errorCode(error);
  if (code === 'Z_BUF_ERROR') {
    return new TraceError(
      {
        problem: 'truncated-gzip',
        file,
        found: 'truncated gzip: the file ends in the middle of the compressed data',
        expected: 'copy or record it again',
      },
      { cause: error },
    );
  }
  if (code.startsWith('Z_')) {
    const found = `damaged gzip: ${error instanceof Error ? error.message : code}`;
    return new TraceError(
      { problem: 'damaged-gzip', file, found, expected: 'copy or record it again' },
      { cause: error },
    );
  }
  const found = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  return new TraceError(
    { problem: 'unreadable', file, found, expected: 'give a readable file, plain or gzip' },
    { cause: error },
  );
}

/** The first chunk, at least {@link MAGIC_BYTES} long if the input is. */
async function readStart(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
  }
  return start;
}

async function* startAndRest(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}

function refuseForeign(file: string, start: Buffer): void {
  const text = start.toString('latin1');
  const format = FOREIGN_FORMATS.find(({ magic }) => text.startsWith(magic.slice(0, MAGIC_BYTES)));
  if (format === undefined) return;
  throw new TraceError({
    problem: 'foreign-format',
    file,
    found: `this is ${format.name}, not a trace in text form`,
    expected: format.remedy,
  });
}

/**
 * The contents of a file in pieces, unpacked if the file is gzip. What it is, is told by its first bytes, not by
 * its name, and without seeking, so a pipe can be read too. Memory is constant: a piece is read when it is asked
 * for.
 *
 * @param file name of the file
 * @throws TraceError of the kinds `unreadable`, `truncated-gzip`, `damaged-gzip` and `foreign-format`
 */
export async function* readChunks(file: string): AsyncGenerator<Uint8Array> {
  const raw = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  try {
    const chunks = raw[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
    const start = await readStart(chunks);
    refuseForeign(file, start);
    const whole = startAndRest(start, chunks);
    const isGzip = start.length >= 2 && start[0] === 0x1f && start[1] === 0x8b;
    if (!isGzip) {
      yield* whole;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // An error of either stream comes out of the iteration below.
    pipeline(Readable.from(whole), gunzip, () => {});
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw inputError(file, error);
  } finally {
    raw.destroy();
  }
}
