import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bugOf } from '../slab/debug-scene.js';
import { slabMachine } from '../slab/slab-scene.js';

/** What a user takes for the number of a function. */
function work(k: Kernel): number {
  return k.cpu; // this text stands in no message
}

describe('a function where its number is wanted', () => {
  const { k } = slabMachine();
  const number = work as unknown as number;
  const word = k.wordAt(k.kzalloc(256, 0));
  it.each<[string, () => unknown]>([
    ['kmem_cache_create, constructor', () => k.kmem_cache_create('x', 64, 0, 0, number)],
    ['kmem_cache_create, destructor', () => k.kmem_cache_create('x', 64, 0, 0, known(), number)],
    ['mempool_create, alloc_fn', () => k.mempool_create(2, number, number, 0)],
    ['mempool_create, free_fn', () => k.mempool_create(2, known(), number, 0)],
    ['setup_timer', () => k.setup_timer(word, number)],
    ['tasklet_init', () => k.tasklet_init(word, number)],
    ['open_softirq', () => k.open_softirq(3, number)],
    ['request_irq', () => k.request_irq(5, number, 0, 'x', 0)],
    ['smp_call_function', () => k.smp_call_function(number, 0, true)],
    ['on_each_cpu', () => k.on_each_cpu(number, 0, true)],
    ['kthread_run', () => k.kthread_run(number, 0, 'x')],
  ])('%s', (_, call) => {
    const report = bugOf(call);
    expect(report).toMatch(
      /^kernel BUG: a function was given: give its number, k\.module_symbol\(import\.meta\.url, 'work'\) of an export\n/m,
    );
    expect(report).not.toContain('this text stands');
  });

  const known = () => k.module_symbol('test', 'known');

  it('is not taken by module_symbol either', () => {
    expect(bugOf(() => k.module_symbol('test', work as unknown as string))).toMatch(
      /^kernel BUG: module_symbol\("test", the function work\): takes import\.meta\.url and the name of an export/m,
    );
  });

  it.each([
    [undefined, 'undefined'],
    ['known', '"known"'],
    [0.5, '0.5'],
    [{}, 'an object'],
  ])('is told from other mistakes: %s', (given, shown) => {
    expect(bugOf(() => k.mempool_create(2, given as number, known(), 0))).toContain(
      `kernel BUG: no function has symbol ${shown}\n`,
    );
  });
});
