import { writeFile } from '../../../src/kernel/fs/write-file.js';
import { describe, expect, test } from 'vitest';
import { setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { CPU_AREA, CPU_OFFLINE, IRQ_TICK } from '../../../src/kernel/core/cpu-area.js';
import { FileError } from '../../../src/kernel/fs/file-error.js';
import { listFiles } from '../../../src/kernel/fs/list-files.js';
import { numberList } from '../../../src/kernel/fs/number-list.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { withHighMemory } from './known-machine.js';

const VM = '/proc/sys/vm';

/** The error that a call throws. */
function errorOf(call: () => unknown): FileError {
  try {
    call();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** All numbers that follow a name in zoneinfo, in order. */
function zoneValues(text: string, name: string): number[] {
  return [...text.matchAll(new RegExp(`^ +${name} +(\\d+)$`, 'gm'))].map((match) => Number(match[1]));
}

describe('paths', () => {
  const { k } = bootInProcess();

  test('every file that is listed can be read', () => {
    for (const path of listFiles(k)) expect(k.cat(path)).toMatch(/\n$|^$/);
  });

  test.each([
    '',
    'proc/buddyinfo',
    '/proc/buddyinfo/',
    '/proc/self/maps',
    '/sys/devices/system/node/node2/meminfo',
    '/sys/devices/system/node/node-1/meminfo',
    '/sys/devices/system/node/node01/meminfo',
    '/sys/devices/system/node/node0/vmstat',
  ])('%j does not exist; the error says what does', (path) => {
    for (const error of [errorOf(() => k.cat(path)), errorOf(() => writeFile(k, path, '1'))]) {
      expect(error.errno).toBe(-2);
      expect(error.path).toBe(path);
      expect(error.message).toContain('/proc/buddyinfo, ');
      expect(error.message).toContain('/sys/devices/system/node/node{0..1}/{cpulist,');
      expect(error.message).toMatch(/\(-ENOENT\)$/);
    }
  });

  test.each(['/proc/buddyinfo', '/sys/devices/system/node/node1/numastat'])('%s is read-only', (path) => {
    const error = errorOf(() => writeFile(k, path, '1'));
    expect(error.errno).toBe(-13);
    expect(error.message).toMatch(/read-only.*\(-EACCES\)$/);
  });
});

describe('bad values change nothing', () => {
  const { k } = bootInProcess();
  test.each([
    ['min_free_kbytes', '', /nothing was written; write one integer from 0/],
    ['min_free_kbytes', '-1', /"-1" is not a value for it/],
    ['min_free_kbytes', '2147483648', /to 2147483647/],
    ['min_free_kbytes', '1e3', /"1e3"/],
    ['min_free_kbytes', '1 2', /2 values; write one integer/],
    ['lowmem_reserve_ratio', '1 2 3 4', /4 values; write 1 to 3 integers/],
    ['lowmem_reserve_ratio', '256 x', /"x"/],
    ['percpu_pagelist_fraction', '7', /0 \(sizes of boot\) or an integer from 8/],
    ['percpu_pagelist_fraction', 'many', /"many"/],
    ['numa_zonelist_order', 'nodes', /write default, node, zone or the first letter/],
    ['numa_zonelist_order', '', /"" is no zonelist order/],
  ])('%s: %j', (name, text, message) => {
    const path = `${VM}/${name}`;
    const before = k.cat(path) + k.cat('/proc/zoneinfo');
    const error = errorOf(() => writeFile(k, path, text));
    expect(error.errno).toBe(-22);
    expect(error.message).toMatch(message);
    expect(k.cat(path) + k.cat('/proc/zoneinfo')).toBe(before);
  });
});

describe('writes', () => {
  test('min_free_kbytes sets the watermarks of every zone by its share of low memory', () => {
    const { k } = bootInProcess();
    writeFile(k, `${VM}/min_free_kbytes`, '4096\n');
    expect(k.cat(`${VM}/min_free_kbytes`)).toBe('4096\n');
    const info = k.cat('/proc/zoneinfo');
    const present = zoneValues(info, 'present');
    const all = present.reduce((a, b) => a + b);
    const min = present.map((pages) => Math.floor((1024 * pages) / all));
    expect(zoneValues(info, 'min')).toEqual(min);
    expect(zoneValues(info, 'low')).toEqual(min.map((pages) => pages + (pages >> 2)));
    // Each zone has a `high` mark, and then one limit per list.
    expect(/^ {8}high +(\d+)$/m.exec(info)![1]).toBe(String(min[0] + (min[0] >> 1)));
    expect(k.cat('/proc/pagetypeinfo')).toMatch(/^Node 1, zone +DMA32 .* 2 +0 $/m);
  });

  test('min_free_kbytes of high memory is by its own size', () => {
    const { k } = bootInProcess(withHighMemory());
    writeFile(k, `${VM}/min_free_kbytes`, '0');
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'min')).toEqual([0, 0, 32, 32]);
  });

  test('lowmem_reserve_ratio sets what lower zones keep; fewer values leave the rest', () => {
    const { k } = bootInProcess();
    writeFile(k, `${VM}/lowmem_reserve_ratio`, '64');
    expect(k.cat(`${VM}/lowmem_reserve_ratio`)).toBe('64\t256\t32\n');
    expect(k.cat('/proc/zoneinfo')).toContain('protection: (0, 64, 64, 64)');
    writeFile(k, `${VM}/lowmem_reserve_ratio`, '0 10\t10');
    expect(k.cat(`${VM}/lowmem_reserve_ratio`)).toBe('1\t10\t10\n');
    expect(k.cat('/proc/zoneinfo')).toContain('protection: (0, 4096, 4096, 4096)');
  });

  test('lowmem_reserve_ratio of x86 has a ratio for Normal and HighMem instead of DMA32', () => {
    const { k } = bootInProcess(withHighMemory());
    expect(k.cat(`${VM}/lowmem_reserve_ratio`)).toBe('256\t32\t32\n');
    writeFile(k, `${VM}/lowmem_reserve_ratio`, '128 16 8');
    const present = zoneValues(k.cat('/proc/zoneinfo'), 'present');
    const [, normal, high, movable] = present;
    const above = [0, normal, normal + high, normal + high + movable].map((n) => Math.floor(n / 128));
    expect(k.cat('/proc/zoneinfo')).toContain(`protection: (${above.join(', ')})`);
  });

  test('percpu_pagelist_fraction sets the hot lists; 0 brings back what boot chose', () => {
    const { k, cpus } = bootInProcess();
    const boot = k.cat('/proc/zoneinfo');
    writeFile(k, `${VM}/percpu_pagelist_fraction`, '8');
    const info = k.cat('/proc/zoneinfo');
    expect(info).toContain('cpu: 3 pcp: 0\n              count: 0\n              high:  1024\n');
    expect(zoneValues(info, 'batch:').slice(-2)).toEqual([96, 1]);
    writeFile(k, `${VM}/percpu_pagelist_fraction`, '100');
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'high:').slice(-2)).toEqual([81, 2]);
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'batch:').slice(-2)).toEqual([20, 1]);
    writeFile(k, `${VM}/percpu_pagelist_fraction`, '1000000');
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'batch:').slice(-2)).toEqual([1, 1]);
    cpus[3].__free_page(cpus[3].alloc_page(GFP_KERNEL));
    writeFile(k, `${VM}/percpu_pagelist_fraction`, '0');
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'high:')).toEqual(zoneValues(boot, 'high:'));
    expect(zoneValues(k.cat('/proc/zoneinfo'), 'batch:')).toEqual(zoneValues(boot, 'batch:'));
  });

  test('percpu_pagelist_fraction leaves to a stopped CPU the interrupts that are pending there', () => {
    const { k, cpus } = bootInProcess();
    const pending = cpus[2].area + CPU_AREA.at.pending;
    cpus[2].__free_page(cpus[2].alloc_page(GFP_KERNEL));
    k.i32[pending] = IRQ_TICK;
    writeFile(k, `${VM}/percpu_pagelist_fraction`, '8');
    expect(k.i32[pending]).toBe(IRQ_TICK);
    cpus[2].poll();
    expect(k.i32[pending]).toBe(0);
  });

  test('numa_zonelist_order takes words and letters and rebuilds the zonelists on a change', () => {
    // Normal and DMA on node 0, so that the orders differ.
    const MIB = 1024 ** 2;
    const { k } = bootInProcess(
      twoNodes(32, { zoneLimits: { dma: 16 * MIB, dma32: 16 * MIB, lowmem: 1024 * MIB } }),
    );
    const path = `${VM}/numa_zonelist_order`;
    const rebuilt = (order: string): number => readLog(k).split(`zonelists in ${order} order`).length - 1;
    const zone = rebuilt('Zone');
    const node = rebuilt('Node');
    expect(k.cat(path)).toBe('default\n');
    for (const [text, reads] of [
      ['Zone\n', 'zone\n'],
      ['z', 'zone\n'],
      ['n', 'node\n'],
      ['ZONE', 'zone\n'],
      ['node', 'node\n'],
    ]) {
      writeFile(k, path, text);
      expect(k.cat(path)).toBe(reads);
    }
    expect([rebuilt('Zone') - zone, rebuilt('Node') - node]).toEqual([2, 2]);
    writeFile(k, path, 'd');
    expect(k.cat(path)).toBe('default\n');
  });
});

describe('CPUs and nodes', () => {
  test('an offline CPU is in no list', () => {
    const { k } = bootInProcess();
    setCpuState(k, 1, CPU_OFFLINE);
    expect(k.cat('/sys/devices/system/cpu/online')).toBe('0,2-3\n');
    expect(k.cat('/sys/devices/system/node/node0/cpulist')).toBe('0\n');
    expect(k.cat('/sys/devices/system/node/node0/cpumap')).toMatch(/^(0{8},){7}00000001\n$/);
    expect(k.cat('/proc/zoneinfo')).not.toContain('cpu: 1 pcp');
  });

  test('many CPUs', () => {
    const cpuNodes = Array.from({ length: 70 }, (_, cpu) => (cpu < 40 ? 0 : 1));
    const { k } = bootInProcess(twoNodes(32, { cpuNodes }));
    expect(k.cat('/sys/devices/system/node/node1/cpulist')).toBe('40-69\n');
    expect(k.cat('/sys/devices/system/node/node1/cpumap')).toMatch(
      /^(0{8},){5}0000003f,ffffff00,00000000\n$/,
    );
  });

  test('a node without memory and one without CPUs', () => {
    const MIB = 1024 ** 2;
    const { k } = bootInProcess(
      twoNodes(32, { memory: [{ start: 0, end: 32 * MIB, node: 1 }], cpuNodes: [0, 0] }),
    );
    expect(k.cat('/proc/buddyinfo')).not.toContain('Node 0');
    expect(k.cat('/proc/pagetypeinfo')).not.toContain('Node    0');
    expect(k.cat('/sys/devices/system/node/node0/meminfo')).toContain('Node 0 MemTotal:            0 kB\n');
    expect(k.cat('/sys/devices/system/node/node1/cpulist')).toBe('\n');
    expect(k.cat('/sys/devices/system/node/online')).toBe('0-1\n');
  });

  test('number lists join neighbours', () => {
    expect(numberList([])).toBe('');
    expect(numberList([3])).toBe('3');
    expect(numberList([0, 1, 2, 5, 7, 8])).toBe('0-2,5,7-8');
  });
});
