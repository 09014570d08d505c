import { describe, expect, test } from 'vitest';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { ModuleLoadError } from '../../../src/kernel/core/errors.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { MAX_PERCPU_VARS, PERCPU_ENOUGH_ROOM } from '../../../src/kernel/core/limits.js';
import { writeAllowed } from '../../../src/kernel/core/tasks.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { array, int, long, struct, unsigned } from '../../../src/kernel/mm/percpu-types.js';
import { SECTION_BYTES } from '../../../src/arch/page.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';

const DRIVER = 'file:///driver.js';
const OTHER = 'file:///other.js';

/** The node that a word of the image lies on, on the machine of these tests: 32 MiB each, one after another. */
function nodeOf(word: number): number {
  return (word * 4) / (8 * SECTION_BYTES) < 1 ? 0 : 1;
}

/** What a failed load throws. */
function loadError(action: () => void): ModuleLoadError {
  try {
    action();
  } catch (error) {
    if (error instanceof ModuleLoadError) return error;
    throw error;
  }
  throw new Error('the load did not fail');
}

describe('a static per-CPU variable', () => {
  test('has a copy for every CPU, on its node and in cache lines of its own', () => {
    const { k } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits');
    const copies = [0, 1, 2, 3].map((cpu) => k.per_cpu(hits, cpu));
    expect(copies.map(nodeOf)).toEqual([0, 0, 1, 1]);
    expect(new Set(copies.map((copy) => copy >> 4)).size).toBe(4);
    expect(copies.map((copy) => k.i32[copy])).toEqual([0, 0, 0, 0]);
  });

  test('is counted by each CPU in its own copy', () => {
    const { k, cpus } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits');
    for (const own of cpus) {
      for (let i = 0; i <= own.cpu; i++) {
        own.i32[own.get_cpu_var(hits)]++;
        own.put_cpu_var(hits);
      }
    }
    expect(cpus.map((own) => own.i32[own.__get_cpu_var(hits)])).toEqual([1, 2, 3, 4]);
    expect([0, 1, 2, 3].map((cpu) => k.i32[k.per_cpu(hits, cpu)])).toEqual([1, 2, 3, 4]);
  });

  test('can have any type, with its alignment, and first values', () => {
    const { k } = bootInProcess();
    const stats = struct('rx_stats', { packets: long, errors: unsigned, sizes: array(int, 3) });
    k.DEFINE_PER_CPU(int, 'odd', DRIVER);
    const rx = k.DEFINE_PER_CPU(stats, 'rx', DRIVER);
    const table = k.DEFINE_PER_CPU(array(int, 3), 'my_percpu_array', DRIVER, [7, 8, 9]);
    const copy = k.per_cpu(rx, 2);
    k.f64[(copy + stats.at.packets) >>> 1] = 2 ** 40;
    k.u32[copy + stats.at.errors] = 2 ** 32 - 1;
    expect(copy % 2).toBe(0);
    expect(k.f64[copy >>> 1]).toBe(2 ** 40);
    expect(k.u32[copy + stats.at.errors]).toBe(2 ** 32 - 1);
    for (let cpu = 0; cpu < 4; cpu++) {
      const first = k.per_cpu(table, cpu);
      expect([...k.i32.subarray(first, first + 3)]).toEqual([7, 8, 9]);
    }
  });

  test('is found, not made again, by whoever defines it again', () => {
    const { k, cpus } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits', DRIVER);
    k.i32[k.per_cpu(hits, 0)] = 5;
    expect(cpus[3].DEFINE_PER_CPU(int, 'hits', DRIVER)).toBe(hits);
    expect(k.i32[k.per_cpu(hits, 0)]).toBe(5);
    // In another module the name is another variable's.
    expect(k.DEFINE_PER_CPU(int, 'hits', OTHER)).not.toBe(hits);
    expect(() => k.DEFINE_PER_CPU(array(int, 2), 'hits', DRIVER)).toThrow('per_cpu__hits has 1 words, not 2');
  });

  test('is named in reports', () => {
    const { k } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits', DRIVER);
    const table = k.DEFINE_PER_CPU(array(int, 3), 'table', DRIVER);
    expect(k.nameOf(k.per_cpu(hits, 1))).toBe('cpu 1, per_cpu__hits');
    expect(k.nameOf(k.per_cpu(table, 3) + 2)).toBe('cpu 3, per_cpu__table[2]');
    expect(k.nameOf(k.per_cpu(0, 2) + CPU_AREA.at.preempt_count)).toBe('cpu 2, preempt_count');
  });
});

describe('get_cpu_var', () => {
  test('disables preemption until put_cpu_var, and nests with get_cpu', () => {
    const { cpus } = bootInProcess();
    const k = cpus[2];
    const hits = k.DEFINE_PER_CPU(int, 'hits');
    k.get_cpu_var(hits);
    expect(k.get_cpu()).toBe(2);
    expect(k.preempt_count()).toBe(2);
    k.put_cpu();
    expect(k.in_atomic()).toBe(true);
    k.put_cpu_var(hits);
    expect(k.preempt_count()).toBe(0);
  });

  test('forbids to sleep: whoever may sleep reports it', () => {
    const { k, platform } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits');
    k.get_cpu_var(hits);
    expect(k.alloc_percpu(int)).not.toBe(0);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('BUG: sleeping function called from invalid context');
    expect(platform.reports[0]).toContain('in_atomic():1, irqs_disabled():0');
    k.put_cpu_var(hits);
  });
});

describe('smp_processor_id', () => {
  const asMigrating = (k: Kernel): void => {
    writeAllowed(k, k.current(), [0, 1, 2, 3]);
  };

  test('says nothing to a task that is bound to its CPU', () => {
    const { cpus, platform } = bootInProcess();
    expect(cpus[3].smp_processor_id()).toBe(3);
    expect(platform.reports).toEqual([]);
  });

  test('warns a task that can be moved, unless it has preemption or interrupts disabled', () => {
    const { cpus, platform } = bootInProcess();
    const k = cpus[1];
    asMigrating(k);
    k.preempt_disable();
    expect(k.smp_processor_id()).toBe(1);
    k.preempt_enable();
    const flags = k.local_irq_save();
    expect(k.smp_processor_id()).toBe(1);
    k.local_irq_restore(flags);
    expect(platform.reports).toEqual([]);
    expect(k.smp_processor_id()).toBe(1);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain(
      'BUG: using smp_processor_id() in preemptible [00000000] code: swapper/1/0',
    );
  });

  test('never warns without debug.sleep', () => {
    const debug = { ...twoNodes().debug, sleep: false };
    const { k, platform } = bootInProcess(twoNodes(32, { debug }));
    asMigrating(k);
    expect(k.smp_processor_id()).toBe(0);
    expect(platform.reports).toEqual([]);
  });
});

describe('the room for static variables', () => {
  const WORDS = PERCPU_ENOUGH_ROOM / 4;

  test('is named in the kernel log, and has the kernel in it', () => {
    const { k } = bootInProcess();
    expect(readLog(k)).toContain(`PERCPU: Allocating ${PERCPU_ENOUGH_ROOM} bytes of per cpu data`);
    const all = k.DEFINE_PER_CPU(array(int, WORDS - CPU_AREA.words), 'all', DRIVER);
    expect(all).toBe(CPU_AREA.words);
  });

  test('can be used up: the load of a module fails, and says so', () => {
    const { k } = bootInProcess();
    const size = WORDS - CPU_AREA.words + 1;
    const error = loadError(() => k.DEFINE_PER_CPU(array(int, size), 'too_large', DRIVER));
    expect(error.message).toBe(`Could not allocate ${size * 4} bytes percpu data`);
    expect(error.errno).toBe(-12);
    expect(readLog(k)).toContain(`Could not allocate ${size * 4} bytes percpu data`);
    // Others still find room, and a smaller one as well.
    k.DEFINE_PER_CPU(array(int, 10), 'too_large', DRIVER);
  });

  test('comes back when a module is unloaded, and holes are filled first', () => {
    const { k } = bootInProcess();
    const first = k.DEFINE_PER_CPU(array(int, 100), 'first', DRIVER);
    const kept = k.DEFINE_PER_CPU(array(int, 100), 'kept', OTHER);
    k.DEFINE_PER_CPU(array(int, 100), 'second', DRIVER);
    k.i32[k.per_cpu(kept, 1)] = 11;
    k.i32[k.per_cpu(first, 1)] = 22;
    k.percpu_modfree(DRIVER);
    expect(k.DEFINE_PER_CPU(array(int, 60), 'a', DRIVER)).toBe(first);
    expect(k.DEFINE_PER_CPU(array(int, 50), 'b', DRIVER)).toBe(kept + 100);
    expect(k.DEFINE_PER_CPU(array(int, 40), 'c', DRIVER)).toBe(first + 60);
    expect(k.i32[k.per_cpu(first, 1)]).toBe(0);
    expect(k.i32[k.per_cpu(kept, 1)]).toBe(11);
    k.percpu_modfree(DRIVER);
    k.percpu_modfree(OTHER);
    expect(k.DEFINE_PER_CPU(array(int, WORDS - CPU_AREA.words), 'all', DRIVER)).toBe(first);
    expect(audit(k).violations).toEqual([]);
  });

  test('has a limited number of variables', () => {
    const { k } = bootInProcess();
    for (let i = 0; i < MAX_PERCPU_VARS; i++) k.DEFINE_PER_CPU(int, `v${i}`, DRIVER);
    const error = loadError(() => k.DEFINE_PER_CPU(int, 'one_more', DRIVER));
    expect(error.message).toBe('Could not allocate 4 bytes percpu data');
    expect(k.i32[KERNEL.nr_percpu_vars]).toBe(MAX_PERCPU_VARS);
  });
});

describe('a variable of another module', () => {
  test('is found by its name when it is exported', () => {
    const { k, cpus } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits', DRIVER);
    expect(loadError(() => k.DECLARE_PER_CPU(int, 'hits')).message).toBe('Unknown symbol per_cpu__hits');
    k.EXPORT_PER_CPU_SYMBOL(hits);
    expect(cpus[1].DECLARE_PER_CPU(int, 'hits', 'Proprietary')).toBe(hits);
    expect(() => k.DECLARE_PER_CPU(long, 'hits')).toThrow('per_cpu__hits has 1 words, not 2');
  });

  test('can be for modules under the GPL only', () => {
    const { k } = bootInProcess();
    const hits = k.DEFINE_PER_CPU(int, 'hits', DRIVER);
    k.EXPORT_PER_CPU_SYMBOL_GPL(hits);
    const error = loadError(() => k.DECLARE_PER_CPU(int, 'hits', 'Proprietary'));
    expect([error.message, error.errno]).toEqual(['Unknown symbol per_cpu__hits', -2]);
    expect(k.DECLARE_PER_CPU(int, 'hits', 'Dual BSD/GPL')).toBe(hits);
    expect(k.DECLARE_PER_CPU(int, 'hits')).toBe(hits);
  });

  test('has the only exported name of its kind', () => {
    const { k } = bootInProcess();
    k.EXPORT_PER_CPU_SYMBOL(k.DEFINE_PER_CPU(int, 'hits', DRIVER));
    const second = k.DEFINE_PER_CPU(int, 'hits', OTHER);
    const error = loadError(() => k.EXPORT_PER_CPU_SYMBOL(second));
    expect(error.message).toBe('exports duplicate symbol per_cpu__hits');
    expect(() => k.EXPORT_PER_CPU_SYMBOL(second + 1)).toThrow('no static per-CPU variable');
  });

  test('is gone with its module', () => {
    const { k } = bootInProcess();
    k.EXPORT_PER_CPU_SYMBOL(k.DEFINE_PER_CPU(int, 'hits', DRIVER));
    k.percpu_modfree(DRIVER);
    expect(loadError(() => k.DECLARE_PER_CPU(int, 'hits')).errno).toBe(-2);
  });
});
