import { NET_RX_SOFTIRQ } from '../../../kernel/cpu/softirq.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { SCENARIO_MODULE, scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Softirqs against the code that they interrupt. */

const SOFTIRQ = 'kernel/cpu/softirq';
/** What softirq and process count in, without any lock. */
const COUNT = scratchLine(0);
/** How many softirqs have begun and not ended. */
const DEPTH = scratchLine(1);
/** How often the softirq has run. */
const RUNS = scratchLine(2);
/** 1 when the interrupt came. */
const CAME = scratchLine(3);

/** With a poll in the middle of an update, as any longer softirq has it. */
const ACTION = {
  action: (k: Kernel): void => {
    expectValue('the number of softirqs that run', k.i32[DEPTH], 0);
    k.i32[DEPTH] = 1;
    const before = k.i32[COUNT];
    k.poll();
    k.i32[COUNT] = before + 1;
    k.i32[RUNS]++;
    k.i32[DEPTH] = 0;
  },
};

function open(k: Kernel): void {
  k.open_softirq(NET_RX_SOFTIRQ, k.module_symbol(SCENARIO_MODULE, 'action'));
}

function raiseInHandler(k: Kernel): void {
  k.i32[CAME] = 1;
  k.raise_softirq_irqoff(NET_RX_SOFTIRQ);
}

const disabled = kernelPart(
  scenario({
    name: 'kernel: local_bh_disable keeps softirqs off, and local_bh_enable runs them',
    machine: oneZone(1),
    functions: ACTION,
    setup: open,
    threads: [
      (k) => {
        k.local_bh_disable();
        const before = k.i32[COUNT];
        k.poll();
        k.i32[COUNT] = before + 1;
        k.local_bh_enable();
      },
    ],
    interrupts: [{ cpu: 0, handler: raiseInHandler }],
    final: (k) => {
      expectValue('what was counted', k.i32[COUNT], 1 + k.i32[CAME]);
      expectValue('the preempt_count', k.preempt_count(), 0);
    },
  }),
  {
    'an interrupt runs softirqs wherever it came': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: SOFTIRQ,
          find: 'if (k.i32[k.area + PENDING] !== 0 && !in_interrupt(k))',
          replace: 'if (k.i32[k.area + PENDING] !== 0)',
        },
      ],
    },
    'local_bh_enable leaves pending softirqs alone': {
      kinds: ['assertion'],
      patches: [
        {
          file: 'kernel/core/preempt',
          find: 'if (k.i32[k.area + SOFTIRQ_PENDING] !== 0)',
          replace: 'if (false)',
        },
      ],
    },
  },
);

const nested = kernelPart(
  scenario({
    name: 'kernel: softirqs do not nest, and none gets lost',
    machine: oneZone(1),
    functions: ACTION,
    setup: open,
    threads: [(k) => k.raise_softirq(NET_RX_SOFTIRQ)],
    interrupts: [{ cpu: 0, handler: raiseInHandler }],
    final: (k) => {
      const runs = k.i32[RUNS];
      if (runs < 1 || runs > 2) throw new Error(`the softirq ran ${runs} times, raised twice`);
      expectValue('what was counted', k.i32[COUNT], runs);
    },
  }),
  {
    'a softirq does not say that it runs': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        { file: SOFTIRQ, find: 'add_preempt_count(k, SOFTIRQ_OFFSET);', replace: '' },
        { file: SOFTIRQ, find: 'sub_preempt_count(k, SOFTIRQ_OFFSET);', replace: '' },
      ],
    },
  },
);

export const SOFTIRQ_PARTS: readonly KernelPart[] = [disabled, nested];
