import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { MAX_LINE_BYTES } from '../../src/trace/line-blocks.js';
import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { TraceError } from '../../src/trace/trace-error.js';
import { TraceReader } from '../../src/trace/trace-reader.js';
import { allocLine, fixture, freeLine, readAll } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gfp-trace-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, contents: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, contents);
  return file;
}

async function errorOf(file: string): Promise<TraceError> {
  const error: unknown = await readAll(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TraceError);
  return error as TraceError;
}

const fixtureBytes = readFileSync(fixture('http.ftrace'));

describe('a file', () => {
  it('is read the same whether plain or gzip, whatever its name', async () => {
    const plain = await readAll(fixture('http.ftrace'));
    const packed = await readAll(write('trace.txt', gzipSync(fixtureBytes)));
    const misnamed = await readAll(write('trace.gz', fixtureBytes));
    expect(packed).toEqual(plain);
    expect(misnamed).toEqual(plain);
    expect(plain.totals.lines).toBe(412);
  });

  it('may be several gzip members, as logs that were appended are', async () => {
    const half = fixtureBytes.indexOf(10, fixtureBytes.length / 2) + 1;
    const members = [fixtureBytes.subarray(0, half), fixtureBytes.subarray(half)].map((part) =>
      gzipSync(part),
    );
    expect(await readAll(write('members', Buffer.concat(members)))).toEqual(
      await readAll(fixture('http.ftrace')),
    );
  });

  it('may be empty', async () => {
    for (const contents of [new Uint8Array(0), gzipSync('')]) {
      const { events, totals } = await readAll(write('empty', contents));
      expect(events).toEqual([]);
      expect(totals).toMatchObject({ lines: 0, events: [], cpus: 0 });
    }
  });

  it('may be shorter than every magic number', async () => {
    expect((await readAll(write('short', '#'))).totals.lines).toBe(1);
  });

  it('may end without a line end', async () => {
    const { events, totals } = await readAll(write('open', allocLine(0, 1) + freeLine(1, 1).trimEnd()));
    expect(events).toHaveLength(2);
    expect(totals.lines).toBe(2);
  });

  it('larger than one chunk is read whole', async () => {
    const { events, totals } = await readAll(sampleTraceFile());
    expect(totals.lines).toBe(26_012);
    expect(events).toHaveLength(25_946);
  });

  it('can be left before its end', async () => {
    const reader = new TraceReader(sampleTraceFile());
    expect(await reader.nextBlock()).toBe(true);
    await reader.close();
    expect(await reader.nextBlock()).toBe(false);
  });
});

describe('input that cannot be read', () => {
  it('truncated gzip says so, with the file and the lines read', async () => {
    const whole = readFileSync(sampleTraceFile());
    const file = write('cut.gz', whole.subarray(0, whole.length / 2));
    const error = await errorOf(file);
    expect(error.details).toMatchObject({ problem: 'truncated-gzip', file });
    expect(error.details.linesRead).toBeGreaterThan(5000);
    expect(error.message).toContain(`${file}: truncated gzip`);
    expect(error.message).toContain(`after ${error.details.linesRead!} complete lines`);
  });

  it('gzip cut within its header or its last bytes is truncated too', async () => {
    const whole = gzipSync(fixtureBytes);
    for (const length of [5, whole.length - 1]) {
      const error = await errorOf(write('cut.gz', whole.subarray(0, length)));
      expect(error.details.problem).toBe('truncated-gzip');
    }
  });

  it('damaged gzip', async () => {
    const packed = gzipSync(fixtureBytes);
    packed.fill(0xff, 1000, 1064);
    expect((await errorOf(write('bad.gz', packed))).details.problem).toBe('damaged-gzip');
  });

  it('a missing file and a folder', async () => {
    const missing = await errorOf(join(folder, 'missing'));
    expect(missing.details).toMatchObject({ problem: 'unreadable', linesRead: 0 });
    expect(missing.message).toContain('ENOENT');
    expect((await errorOf(folder)).details.problem).toBe('unreadable');
  });

  it.each([
    ['PERFILE2\0\0\0\0', 'perf script'],
    ['\x17\x08Dtracing6\0', 'trace-cmd report'],
    ['\x28\xb5\x2f\xfd\0\0\0\0', 'zstd'],
  ])('a file of another format: %j', async (start, remedy) => {
    const error = await errorOf(write('foreign', Buffer.from(start, 'latin1')));
    expect(error.details.problem).toBe('foreign-format');
    expect(error.message).toContain(remedy);
  });

  it('a line without end', async () => {
    const error = await errorOf(write('long', `${allocLine(0, 1)}${'x'.repeat(MAX_LINE_BYTES + 1)}`));
    expect(error.details).toMatchObject({ problem: 'line-too-long', linesRead: 1 });
  });
});

describe('lines across chunks', () => {
  it('a line that is larger than a chunk', async () => {
    const long = `a-1 [000] ..... 1.0: tracing_mark_write: ${'x'.repeat(900_000)}\n`;
    const { events, totals } = await readAll(write('huge', allocLine(0, 1) + long + freeLine(0, 1)));
    expect(events).toHaveLength(2);
    expect(totals.lines).toBe(3);
  });

  const text = fixtureBytes.subarray(0, fixtureBytes.indexOf(10, 6000) + 1);

  test.prop([fc.array(fc.nat({ max: text.length }), { maxLength: 40 }), fc.boolean()])(
    'any chunking of the same bytes gives the same events',
    async (cuts, withLineEnd) => {
      const bytes = withLineEnd ? text : text.subarray(0, -1);
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
      expect(await readAll('t', chunks)).toEqual(await readAll('t', [text]));
    },
  );

  it('byte by byte, from one buffer that is used again', async () => {
    const byte = new Uint8Array(1);
    function* bytes() {
      for (byte[0] of text) yield byte;
    }
    expect(await readAll('t', bytes())).toEqual(await readAll('t', [text]));
  });
});
