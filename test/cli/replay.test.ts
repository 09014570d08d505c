import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { sampleTraceFile } from '../../src/trace/sample-trace.js';
import { type TraceReplay } from '../../src/trace/replay-result.js';
import { allocLine, fixture, freeLine, kmallocLine, livePart } from '../trace/support.js';
import { gfp, gfpHere } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gfp-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, contents: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, contents);
  return file;
}

/** Fewer threads, where the machine is not what a test is about. */
const TINY = ['--machine', 'tiny'];

interface Json {
  readonly machine: Record<string, unknown>;
  readonly replays: TraceReplay[];
  readonly fine: boolean;
}

async function json(...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await gfpHere('replay', '--json', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Json;
}

describe('gfp replay', () => {
  it('prints what came out, and a verdict at the end', async () => {
    const { code, stdout, stderr } = await gfp('replay', sampleTraceFile());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('machine x86_64-numa2: 2 nodes, 4 CPUs, 512 MiB of memory');
    expect(lines[2]).toBe('trace compile.ftrace.gz: 26,012 lines, 26,000 events of 2 CPUs, none lost');
    expect(stdout).toMatch(/^ {2}mm_page_alloc +4,327$/m);
    expect(stdout).toMatch(/^ {2}bytes wasted on internal fragmentation +\d/m);
    expect(stdout).toMatch(/^ {2}traced kernel +3,000,424 +12,996 +0\.433%$/m);
    expect(stdout).toMatch(/^ {2}this machine +[\d,]+ +[\d,]+ +0\.\d+%$/m);
    expect(stdout).toMatch(/^ {2}CPU +node +blocks +freed +objects/m);
    expect(stdout).toMatch(/^ {2}in the trace: .*; 1,275 objects; equal$/m);
    expect(stdout).toMatch(/^ {2}caches: 31 created; all destroyed$/m);
    expect(stdout).toMatch(/^ {2}node 1 DMA32 +before/m);
    expect(stdout).toMatch(/^audit +no violation/m);
    expect(lines.at(-2)).toMatch(/^compile\.ftrace\.gz: fine, [\d,]+ events replayed$/);
  });

  it('prints no colours when nobody can see them', async () => {
    const { stdout } = await gfpHere('replay', ...TINY, fixture('http.ftrace'));
    expect(stdout).not.toContain('\u001b');
  });

  it('prints all of it as JSON', async () => {
    const { machine, replays, fine } = await json(fixture('http.ftrace'));
    expect(machine).toEqual({ name: 'x86_64-numa2', nodes: 2, cpus: 4, memory: 536_477_696 });
    expect(fine).toBe(true);
    expect(replays).toHaveLength(1);
    const [replay] = replays;
    expect(Object.keys(replay)).toEqual([
      'trace',
      'events',
      'cpus',
      'total',
      'live',
      'waste',
      'caches',
      'speed',
      'numa',
      'before',
      'after',
      'audit',
      'leakedPages',
      'fine',
    ]);
    expect(replay.trace).toMatchObject({ events: 400, lines: 412, lostEvents: 0 });
    const { tracePages, slabPages } = replay.live;
    expect(replay.live).toMatchObject({ agree: true, machinePages: tracePages + slabPages });
    expect(replay.waste?.byCaller.length).toBeGreaterThan(10);
    expect(replay.before.map(({ node, zone }) => `${node} ${zone}`)).toEqual(['0 DMA', '0 DMA32', '1 DMA32']);
    expect(replay.after[0].freeBlocks).toHaveLength(11);
    expect(replay.after[0].unusableIndex).toHaveLength(11);
    expect(replay.numa.map(({ node }) => node)).toEqual([0, 1]);
    expect(replay.audit.violations).toEqual([]);
  });

  it('replays several files, each from a machine that is empty again', async () => {
    const { replays, fine } = await json(fixture('http.ftrace'), sampleTraceFile(), fixture('http.ftrace'));
    expect(fine).toBe(true);
    expect(replays.map(({ trace }) => trace.events)).toEqual([400, 26_000, 400]);
    expect(livePart(replays[2])).toEqual(livePart(replays[0]));
  });

  it('takes a machine from a file, and fewer of its CPUs', async () => {
    const config = write('machine.json', '{ "nodes": [{ "memory": "32M", "cpus": 3 }] }');
    const { machine, replays } = await json('--machine', config, '--cpus', '1', fixture('http.ftrace'));
    expect(machine).toMatchObject({ name: config, nodes: 1, cpus: 3 });
    expect(replays[0].cpus.map(({ cpu }) => cpu)).toEqual([0]);
  });

  it('shows who wastes most, and the sum of all others', async () => {
    const lines = Array.from({ length: 20 }, (_, at) =>
      kmallocLine(0, at + 1, { requested: 1000 - at, site: `function_${at}+0x1/0x2` }),
    );
    const file = write('waste', lines.join(''));
    const byCaller = await gfpHere('replay', ...TINY, '--by', 'caller', file);
    const [, table] = byCaller.stdout.split('bytes wasted, by caller: ');
    const rows = table.split('\n').slice(1, 14);
    expect(rows.at(0)).toMatch(/^ {2}caller +allocations +bytes asked for +wasted there +wasted here$/);
    expect(rows.at(1)).toMatch(/^ {2}function_19\+0x1\/0x2 +1 +981 +0 +0\.000% +43 +4\.199%$/);
    expect(rows.at(11)).toMatch(/^ {2}\(10 other callers\) +10 +9,955 +0 +0\.000% +285 +/);
    expect(rows.at(12)).toMatch(/^ {2}total +20 +19,810 +0 +0\.000% +670 +/);
    const byCache = await gfpHere('replay', ...TINY, '--by', 'cache', '--top', '3', file);
    expect(byCache.stdout).toMatch(/^ {2}kmalloc-1000 +1 +1,000 +0 +0\.000% +24 +2\.344%$|other caches/m);
  });

  it('runs the events of objects or of pages alone', async () => {
    const file = fixture('http.ftrace');
    const objects = await gfpHere('replay', ...TINY, '--events', 'objects', file);
    expect(objects.stdout).toMatch(/^http\.ftrace: fine, \d+ object events replayed$/m);
    const pages = await gfpHere('replay', ...TINY, '--events', 'pages', file);
    expect(pages.stdout).toMatch(/^http\.ftrace: fine, \d+ page events replayed$/m);
    expect(pages.stdout).not.toContain('this machine');
  });

  it('counts allocations that do not fit, and is fine', async () => {
    const blocks = Array.from({ length: 16 }, (_, i) => allocLine(i & 1, (i + 1) * 1024, 10)).join('');
    const trace = write('large', blocks + freeLine(0, 1024, 10));
    const { code, stdout } = await gfpHere('replay', ...TINY, trace);
    expect(code).toBe(0);
    expect(stdout).toMatch(/explained: 1\d live blocks got no memory/);
    expect(stdout).toMatch(/^large: fine, 1\d events replayed, 1\d allocations got nothing$/m);
  });
});

describe('gfp replay with what cannot be replayed', () => {
  async function refused(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await gfpHere('replay', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  }

  it('names the line that is broken', async () => {
    const file = write('broken', `${allocLine(0, 1)}${allocLine(0, 2).replace('order=0', 'order=x')}`);
    expect(await refused(...TINY, file)).toContain(`${file}:2: mm_page_alloc order: malformed value "x"`);
  });

  it('says that gzip data end early', async () => {
    const packed = gzipSync(readFileSync(fixture('http.ftrace')));
    const message = await refused(...TINY, write('cut.gz', packed.subarray(0, packed.length >> 1)));
    expect(message).toMatch(/cut\.gz: .*gzip/);
  });

  it('says that there is no such file', async () => {
    expect(await refused(...TINY, join(folder, 'none'))).toContain('cannot be read');
  });

  it('says what a machine has', async () => {
    expect(await refused('--cpus', '9', fixture('http.ftrace'))).toContain('machine x86_64-numa2 has 4 CPUs');
    expect(await refused('--cpus', 'all', fixture('http.ftrace'))).toContain('whole number');
    expect(await refused('--events', 'slabs', fixture('http.ftrace'))).toContain('all, pages, objects');
    expect(await refused('--by', 'cpu', fixture('http.ftrace'))).toContain('cache, caller');
    expect(await refused('--events', 'pages', '--by', 'cache', fixture('http.ftrace'))).toContain(
      'they do not run with --events pages',
    );
    expect(await refused('--machine', 'tinny', fixture('http.ftrace'))).toContain("nearest is 'tiny'");
  });

  it('quotes what is no text without disturbing the terminal', async () => {
    const message = await refused(...TINY, write('binary', Buffer.from([0x41, 0x1b, 0x5b, 0x07, 0x0a])));
    expect(message).toContain('"A\u{fffd}[\u{fffd}" is not a line of a trace');
  });

  it('wants a file', async () => {
    expect(await refused()).toContain("missing required argument 'file'");
  });
});
