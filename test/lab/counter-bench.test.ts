import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchCounters, type CounterRow, isWrong } from '../../dist/src/lab/counter-bench.js';
import { counterSvg } from '../../dist/src/lab/counter-bench-svg.js';
import { counterChart, counterTable } from '../../dist/src/lab/counter-bench-table.js';
import { COUNTER_KIND_NAMES } from '../../dist/src/lab/counter-kind.js';
import { Machine } from '../../dist/src/machine/machine.js';
import { gfp, gfpHere } from '../cli/support.js';

const host = { cpuModel: 'A & B', cores: 2, node: 'v20', platform: 'linux x64' };

describe('the counters of a machine', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.boot();
  });
  afterAll(async () => {
    await machine.halt();
  });

  test('of all kinds have every increment that they must have, and leave no memory behind', async () => {
    const before = (await machine.audit()).frames.allocated;
    const rows = await benchCounters(machine, { cpus: [1, 3], repeats: 1, sampleMs: 2 });
    expect(rows).toHaveLength(COUNTER_KIND_NAMES.length * 4);
    for (const row of rows) {
      expect([row.kind, row.exactPromised ? row.lost : 0]).toEqual([row.kind, 0]);
      expect(row.increments).toBeGreaterThan(0);
      expect(row.cpuNumbers).toHaveLength(row.cpus);
      expect(row.reads > 0).toBe(row.reader);
      expect(row.millionPerSecond.median).toBeGreaterThan(0);
    }
    const { frames, violations } = await machine.audit();
    expect(violations).toEqual([]);
    expect(frames.allocated).toBe(before);
  });

  test('are measured on CPUs that the machine has', async () => {
    await expect(benchCounters(machine, { cpus: [5] })).rejects.toThrow('cpus: 5 is wrong');
    await expect(benchCounters(machine, { repeats: 0 })).rejects.toThrow('repeats: 0 is wrong');
    await expect(benchCounters(machine, { sampleMs: 0 })).rejects.toThrow('sampleMs: 0 is wrong');
  });
});

function row(changes: Partial<CounterRow>): CounterRow {
  const same = (value: number): CounterRow['nsPerIncrement'] => ({ median: value, min: value, max: value });
  return {
    kind: 'guarded',
    cpus: 1,
    cpuNumbers: [0],
    reader: false,
    oversubscribed: false,
    nsPerIncrement: same(2),
    millionPerSecond: same(500),
    atomicAddNs: same(8),
    atomicAdds: 0.25,
    coreShare: 1,
    increments: 1000,
    reads: 0,
    lost: 0,
    exactPromised: true,
    ...changes,
  };
}

describe('the report', () => {
  const two = { median: 1000, min: 900, max: 1100 };
  const rows = [
    row({}),
    row({ cpus: 2, millionPerSecond: two }),
    row({ cpus: 4, oversubscribed: true, coreShare: 0.5, lost: 7 }),
    row({ kind: 'unguarded', lost: 3, exactPromised: false, reader: true, reads: 20 }),
  ];

  test('says what is wrong, and what may be', () => {
    expect(rows.map(isWrong)).toEqual([false, false, true, false]);
    const lines = counterTable(rows, host).split('\n');
    expect(lines[1]).toMatch(/^guarded +1 +- +2\.00 +\(2\.00\.\.2\.00\) +500 +1\.00 +0\.25 +exact$/);
    expect(lines[2]).toMatch(/ 1000 +2\.00 /);
    expect(lines[3]).toMatch(/ 4\*~ .*WRONG: 7 of 1000 lost$/);
    expect(lines[4]).toMatch(/^unguarded +1 +20 .* 3 lost$/);
    expect(lines.slice(5).join()).toMatch(/more CPUs than the 2 host cores.*less than 90 %/);
  });

  test('draws bars and a picture of throughput without a reader', () => {
    const chart = counterChart(rows).split('\n');
    expect(chart).toHaveLength(4);
    expect(chart[2].split('█').length).toBeGreaterThan(chart[1].split('█').length);
    const svg = counterSvg(rows, host);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg.match(/<polyline/g)).toHaveLength(1);
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(svg).toContain('A &amp; B');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(counterSvg([row({})], host)).not.toMatch(/NaN|Infinity|undefined/);
    expect(counterChart([row({})])).toContain('█');
  });
});

describe('gfp bench counters', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gfp-counters-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('prints JSON, draws, and exits with 0', async () => {
    const file = join(folder, 'c.svg');
    const options = ['--kinds', 'guarded,atomic', '--cpus', '1,2', '--repeats', '1', '--json', '--svg', file];
    const { code, stdout } = await gfp('bench', 'counters', ...options);
    expect(code).toBe(0);
    const { rows, settings } = JSON.parse(stdout) as { rows: CounterRow[]; settings: { repeats: number } };
    expect(settings.repeats).toBe(1);
    expect(rows.map(({ kind, cpus, reader }) => [kind, cpus, reader])).toEqual([
      ['guarded', 1, false],
      ['guarded', 2, false],
      ['guarded', 1, true],
      ['guarded', 2, true],
      ['atomic', 1, false],
      ['atomic', 2, false],
      ['atomic', 1, true],
      ['atomic', 2, true],
    ]);
    expect(readFileSync(file, 'utf8')).toContain('</svg>');
  });

  test.each([
    [['--kinds', 'mutex'], "there is no 'mutex'"],
    [['--cpus', '0'], 'right are numbers from 1'],
    [['--repeats', 'x'], '--repeats x is wrong'],
    [['--machine', 'tiny', '--cpus', '9'], 'has 2 CPUs online'],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await gfpHere('bench', 'counters', ...options);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
