import type { Kernel } from '../../../kernel/kernel.js';
import { SCENARIO_MODULE, scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Interrupts of devices: when a handler may still run, and on how many CPUs. */

const HANDLE = 'kernel/cpu/irq-handle';
const LINE = 5;
const DEVICE = 1;
/** What the handler counts in, without any lock. */
const COUNT = scratchLine(0);
/** How often the handler has run. */
const RUNS = scratchLine(1);

const HANDLER = {
  handler: (k: Kernel): number => {
    k.i32[COUNT]++;
    Atomics.add(k.i32, RUNS, 1);
    return 1;
  },
};

function request(k: Kernel): void {
  k.request_irq(LINE, k.module_symbol(SCENARIO_MODULE, 'handler'), 0, 'device', DEVICE);
}

function raiseHere(k: Kernel): void {
  k.raise_irq(k.cpu, LINE);
  k.poll();
}

const freed = kernelPart(
  scenario({
    name: 'kernel: after free_irq the handler does not run any more',
    machine: oneZone(2),
    functions: HANDLER,
    setup: request,
    threads: [
      (k) => {
        k.free_irq(LINE, DEVICE);
        k.i32[COUNT] = 0;
      },
      raiseHere,
    ],
    final: (k) => expectValue('what the device was left with', k.i32[COUNT], 0),
  }),
  {
    'free_irq does not wait for the handler': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: 'kernel/cpu/irq', find: 'if (serving === 0)', replace: 'if (true)' }],
    },
    'a line does not say that its handlers run': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: HANDLE, find: 'Atomics.store(i32, desc + SERVING, k.cpu + 1);', replace: '' }],
    },
  },
);

const once = kernelPart(
  scenario({
    name: 'kernel: the handler of a line runs on one CPU at a time, and after each interrupt',
    machine: oneZone(2),
    functions: HANDLER,
    setup: request,
    threads: [raiseHere, raiseHere],
    final: (k) => {
      const runs = k.i32[RUNS];
      if (runs < 1 || runs > 2) throw new Error(`the handler ran ${runs} times for 2 interrupts`);
      expectValue('what the handlers have counted', k.i32[COUNT], runs);
    },
  }),
  {
    'a line is served although another CPU serves it': {
      kinds: NOT_EXCLUSIVE,
      patches: [{ file: HANDLE, find: 'Atomics.load(i32, desc + SERVING) === 0', replace: 'true' }],
    },
  },
);

export const INTERRUPT_PARTS: readonly KernelPart[] = [freed, once];
