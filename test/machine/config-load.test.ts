import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { imageBytes, type Hardware } from '../../src/arch/hardware.js';
import { loadHardware } from '../../src/machine/config-load.js';
import type { MachineConfig } from '../../src/machine/config-types.js';
import { PRESET_NAMES, PRESETS } from '../../src/machine/presets.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const folder = mkdtempSync(join(tmpdir(), 'gfp-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** The message of the error that loading gives. */
function messageOf(input: string): string {
  try {
    loadHardware(input);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no error';
}

describe('presets', () => {
  it.each(PRESET_NAMES)('%s is valid', (name) => {
    const hardware = loadHardware(name);
    expect(hardware.nodes).toBe(PRESETS[name].config.nodes.length);
    expect(imageBytes(hardware)).toBeLessThanOrEqual(GIB);
  });

  it('tiny has four zones of 4 MiB', () => {
    expect(loadHardware('tiny')).toEqual({
      arch: 'x86',
      memory: [
        { start: 0, end: 0xa0000, node: 0 },
        { start: MIB, end: 16 * MIB, node: 0 },
      ],
      cpuNodes: [0, 0],
      nodes: 1,
      distances: [[10]],
      zoneLimits: { dma: 4 * MIB, dma32: 4 * MIB, lowmem: 8 * MIB },
      movablecore: 4 * MIB,
      numaZonelistOrder: 'default',
      hz: 100,
      slabProfile: '2.6.10',
      debug: {
        locks: false,
        sleep: true,
        pageOwner: false,
        vm: false,
        slab: false,
        faults: false,
        lockHoldLimitMs: 1000,
      },
      bootHooks: [],
    } satisfies Hardware);
  });

  it('x86-1g has HighMem above 896 MiB', () => {
    const { memory, zoneLimits } = loadHardware('x86-1g');
    expect(memory.at(-1)?.end).toBe(GIB);
    expect(zoneLimits).toEqual({ dma: 16 * MIB, dma32: 16 * MIB, lowmem: 896 * MIB });
  });

  it('the default is x86_64-numa2', () => {
    const hardware = loadHardware();
    expect(hardware).toEqual(loadHardware('x86_64-numa2'));
    expect(hardware.memory.map(({ node }) => node)).toEqual([0, 0, 1]);
    expect(hardware.cpuNodes).toEqual([0, 0, 1, 1]);
    expect(hardware.distances).toEqual([
      [10, 20],
      [20, 10],
    ]);
    expect(hardware.zoneLimits).toEqual({ dma: 16 * MIB, dma32: 4 * GIB, lowmem: 64 * GIB });
  });

  it('numa4 has asymmetric distances', () => {
    const { distances, cpuNodes } = loadHardware('numa4');
    expect(distances[0][1]).not.toBe(distances[1][0]);
    expect(cpuNodes).toHaveLength(8);
  });

  it('memoryless has a node without memory and one without CPUs', () => {
    const { memory, cpuNodes } = loadHardware('memoryless');
    expect(new Set(memory.map(({ node }) => node))).toEqual(new Set([0, 2]));
    expect(new Set(cpuNodes)).toEqual(new Set([0, 1]));
  });
});

describe('objects', () => {
  it('a machine of 4 GiB fits', () => {
    const hardware = loadHardware({
      nodes: [
        { memory: '2G', cpus: 1 },
        { memory: '2G', cpus: 1 },
      ],
    });
    expect(imageBytes(hardware)).toBe(4 * GIB);
    expect(loadHardware({ arch: 'x86', nodes: [{ memory: '4G', cpus: 1 }] }).memory.at(-1)?.end).toBe(
      4 * GIB,
    );
  });

  it('lays plain sizes behind the memory so far, a node at the next section', () => {
    const { memory } = loadHardware({
      nodes: [
        { memory: 16 * MIB + 4096, cpus: 1 },
        { memory: '4M', cpus: 0 },
        { memory: [{ start: '0x100000000', end: '4104M' }], cpus: 0 },
        { memory: '4M', cpus: 0 },
      ],
    });
    expect(memory).toEqual([
      { start: 0, end: 0xa0000, node: 0 },
      { start: MIB, end: 16 * MIB + 4096, node: 0 },
      { start: 20 * MIB, end: 24 * MIB, node: 1 },
      { start: 4 * GIB, end: 4 * GIB + 8 * MIB, node: 2 },
      { start: 4 * GIB + 8 * MIB, end: 4 * GIB + 12 * MIB, node: 3 },
    ]);
  });

  it('sorts ranges, joins those that adjoin, punches holes that overlap', () => {
    const { memory } = loadHardware({
      nodes: [
        {
          memory: [
            { start: '16M', size: '16M' },
            { start: 0, size: '16M' },
          ],
          cpus: 1,
        },
      ],
      holes: [
        { start: '8M', size: '2M' },
        { start: '9M', end: '11M' },
        { start: 0xc0000, size: 4096 },
      ],
    });
    expect(memory).toEqual([
      { start: 0, end: 0xa0000, node: 0 },
      { start: MIB, end: 8 * MIB, node: 0 },
      { start: 11 * MIB, end: 32 * MIB, node: 0 },
    ]);
  });

  it('gives counted CPUs the numbers that no list has', () => {
    const { cpuNodes } = loadHardware({
      nodes: [
        { memory: '16M', cpus: 2 },
        { memory: 0, cpus: [3, 0] },
        { memory: 0, cpus: 1 },
      ],
    });
    expect(cpuNodes).toEqual([1, 0, 0, 1, 2]);
  });

  it('takes debug switches one by one or all', () => {
    const nodes = [{ memory: '16M', cpus: 1 }];
    expect(loadHardware({ nodes, debug: { vm: true, lockHoldLimitMs: 5 } }).debug).toEqual({
      locks: false,
      sleep: true,
      pageOwner: false,
      vm: true,
      slab: false,
      faults: false,
      lockHoldLimitMs: 5,
    });
    expect(loadHardware({ nodes, debug: { softLockupLimitMs: 7, hungTaskLimitMs: 9 } }).debug).toMatchObject({
      softLockupLimitMs: 7,
      hungTaskLimitMs: 9,
    });
    expect(loadHardware({ nodes, debug: true }).debug).toEqual({
      locks: true,
      sleep: true,
      pageOwner: true,
      vm: true,
      slab: true,
      faults: true,
      lockHoldLimitMs: 1000,
    });
  });

  it('overrides fields as a whole, but not by undefined', () => {
    const { arch, hz, debug } = loadHardware('tiny', { hz: 250, arch: undefined, debug: { locks: true } });
    expect({ arch, hz, locks: debug.locks, vm: debug.vm }).toEqual({
      arch: 'x86',
      hz: 250,
      locks: true,
      vm: false,
    });
    expect(() => loadHardware('tiny', { hz: 1 })).toThrow(
      'preset tiny: hz: must be a whole number from 12 to 1000, not 1',
    );
  });

  it('keeps URLs and package names of boot hooks, makes URLs of absolute paths', () => {
    const bootHooks = ['a-driver', 'file:///drivers/a.js', '/drivers/a.js'].map((module) => ({
      module,
      name: 'init',
    }));
    const hardware = loadHardware('tiny', { bootHooks });
    expect(hardware.bootHooks.map(({ module }) => module)).toEqual([
      'a-driver',
      'file:///drivers/a.js',
      'file:///drivers/a.js',
    ]);
  });
});

describe('JSON files', () => {
  const config: MachineConfig = {
    nodes: [{ memory: '32M', cpus: [0] }],
    bootHooks: [{ module: './hook.js', name: 'init' }],
  };

  it('are read, with module paths relative to the file', () => {
    const path = file('good.json', `\uFEFF${JSON.stringify(config, null, 2)}`);
    const module = pathToFileURL(join(folder, 'hook.js')).href;
    expect(loadHardware(path)).toEqual(loadHardware({ ...config, bootHooks: [{ module, name: 'init' }] }));
  });

  it('name their problems', () => {
    const path = file('wrong.json', `{ "nodes": [{ "memory": "32M", "cpus": 1 }], "hz": null }`);
    expect(messageOf(path)).toBe(`${path}: hz: must be a whole number from 12 to 1000, not null`);
  });

  it.each([
    ['', 'line 1, column 1: expected a value, found the end'],
    ['{', 'line 1, column 2: expected a field name in double quotes, found the end'],
    ['{\n  "hz": 100,\n}', `line 3, column 1: expected a field name in double quotes, found "}"`],
    ['{\n  hz: 100\n}', `line 2, column 3: expected a field name in double quotes, found "hz"`],
    [`{ "arch": 'x86' }`, `line 1, column 11: expected a value, found "'"`],
    ['{ "hz" 100 }', `line 1, column 8: expected ':', found "100"`],
    ['{ "hz": 0100 }', 'line 1, column 9: expected a value, found "0100"'],
    ['{ "hz": truest }', 'line 1, column 9: expected a value, found "truest"'],
    ['{ "hz": 100 "arch": "x86" }', `line 1, column 13: expected ',' or '}', found "\\""`],
    ['[[1, 2]\n, [3 4]]', `line 2, column 6: expected ',' or ']', found "4"`],
    ['{ "arch": "x86\n" }', `line 1, column 11: expected a value, found "\\""`],
    ['{ "hz": 1, "hz": 2 }', 'line 1, column 12: the field "hz" is there already'],
    ['{} // end', 'line 1, column 4: expected the end, found "/"'],
  ])('%j: the fault has a line and a column', (text, fault) => {
    const path = file('broken.json', text);
    expect(messageOf(path)).toBe(`${path}: not JSON: ${fault}`);
  });

  it('that are missing or no files say so', () => {
    const path = join(folder, 'missing.json');
    expect(messageOf(path)).toBe(`${path}: cannot be read: there is no such file`);
    expect(messageOf(`${folder}/`)).toBe(`${folder}/: cannot be read: it is a folder`);
  });

  it('a name that is no file is an unknown preset', () => {
    expect(messageOf('numa-4')).toBe(
      `numa-4: neither a preset nor a file, nearest is 'numa4' (presets: tiny, x86-1g, x86_64-numa2, numa4, memoryless)`,
    );
  });
});
