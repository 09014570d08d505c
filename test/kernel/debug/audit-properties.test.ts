import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import type { Hardware } from '../../../src/arch/hardware.js';
import { CPU_OFFLINE, CPU_ONLINE } from '../../../src/kernel/core/cpu-area.js';
import { SYM_REFRESH_CPU_VM_STATS } from '../../../src/kernel/core/symbols.js';
import { cpuState, setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import { takeCpuDown } from '../../../src/kernel/hotplug.js';
import { Kernel } from '../../../src/kernel/kernel.js';
import {
  __GFP_COLD,
  __GFP_COMP,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_KERNEL,
} from '../../../src/kernel/mm/gfp.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { debug, lowRanges, mib, preset, x64Nodes, x86Zones } from '../../support/hardware.js';

/** Sound machines: whatever is done to them by the rules, the audit finds nothing. */

const MACHINES: Readonly<Record<string, Hardware>> = {
  tiny: preset('tiny'),
  'x86 with HighMem': x86Zones(16, 16, 17),
  'two nodes': twoNodes(48),
  'two nodes, with page owners': twoNodes(24, { debug: debug('pageOwner', 'vm', 'locks') }),
  'four nodes': preset('numa4'),
  'a node without memory, one without CPUs': preset('memoryless'),
  'three nodes with three zones': x64Nodes(3, 24, 8, 40),
  'nodes that alternate': twoNodes(32, {
    memory: [...lowRanges(16), mib(1, 16, 32), mib(0, 32, 48), mib(1, 48, 65)],
  }),
  'nodes that alternate, the second first': twoNodes(32, {
    memory: [...lowRanges(16).map((range) => ({ ...range, node: 1 })), mib(0, 16, 32), mib(1, 32, 48)],
  }),
  'holes and odd ends': twoNodes(32, {
    memory: [
      ...lowRanges(17),
      { start: 0x1230000, end: 0x2345000, node: 0 },
      { start: 0x4000000, end: 0x5003000, node: 1 },
    ],
  }),
  'one CPU': twoNodes(16, { cpuNodes: [0] }),
};

const MASKS = [GFP_KERNEL, GFP_ATOMIC, GFP_KERNEL | GFP_DMA, GFP_KERNEL | __GFP_HIGHMEM | __GFP_MOVABLE];
const MORE = [0, 0, __GFP_COMP, __GFP_COLD, __GFP_RECLAIMABLE];

type Step =
  | {
      readonly do: 'alloc';
      readonly cpu: number;
      readonly node: number;
      readonly order: number;
      readonly mask: number;
    }
  | { readonly do: 'free'; readonly cpu: number; readonly which: number; readonly cold: boolean }
  | { readonly do: 'get' | 'put'; readonly cpu: number; readonly which: number }
  | { readonly do: 'drain' | 'refresh' | 'plug'; readonly cpu: number };

const cpu = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('alloc' as const),
      cpu,
      node: fc.nat(3),
      order: fc.oneof(fc.constant(0), fc.nat(10)),
      mask: fc
        .tuple(fc.constantFrom(...MASKS), fc.constantFrom(...MORE))
        // Both flags of mobility are one too many.
        .map(([mask, more]) => ((mask & __GFP_MOVABLE) !== 0 ? mask : mask | more) | __GFP_NOWARN),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('free' as const), cpu, which: fc.nat(), cold: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'put' as const), cpu, which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('drain' as const, 'refresh' as const, 'plug' as const), cpu }),
  },
);

interface Block {
  readonly pfn: number;
  readonly order: number;
  /** Beyond the first. */
  references: number;
}

/** Does steps on a machine. Steps that make no sense at their point do nothing. */
class Driver {
  readonly machine: LoneMachine;
  readonly blocks: Block[] = [];

  constructor(machine: LoneMachine) {
    this.machine = machine;
  }

  /** An online CPU. */
  cpu(number: number): Kernel {
    const { cpus, k } = this.machine;
    const online = cpus.filter((_, n) => cpuState(k, n) === CPU_ONLINE);
    return online[number % online.length];
  }

  run(step: Step): void {
    const k = this.cpu(step.cpu);
    const index = 'which' in step && this.blocks.length > 0 ? step.which % this.blocks.length : -1;
    const block = index < 0 ? undefined : this.blocks[index];
    switch (step.do) {
      case 'alloc': {
        const pfn = k.alloc_pages_node(step.node % this.machine.hardware.nodes, step.mask, step.order);
        if (pfn !== 0) this.blocks.push({ pfn, order: step.order, references: 0 });
        return;
      }
      case 'free':
        if (block === undefined || block.references > 0) return;
        if (step.cold && block.order === 0) k.free_cold_page(block.pfn);
        else k.__free_pages(block.pfn, block.order);
        this.blocks.splice(index, 1);
        return;
      case 'get':
        if (block === undefined) return;
        k.get_page(block.pfn);
        block.references++;
        return;
      case 'put':
        if (block === undefined || block.references === 0) return;
        k.put_page(block.pfn);
        block.references--;
        return;
      case 'drain':
        k.drain_local_pages();
        return;
      case 'refresh':
        k.call(SYM_REFRESH_CPU_VM_STATS, 0);
        return;
      case 'plug':
        this.plug(step.cpu % this.machine.cpus.length);
    }
  }

  /** Takes a CPU away, or brings it back. One always stays. */
  plug(cpu: number): void {
    const { k, cpus } = this.machine;
    if (cpuState(k, cpu) === CPU_OFFLINE) setCpuState(k, cpu, CPU_ONLINE);
    else if (cpus.filter((_, n) => cpuState(k, n) === CPU_ONLINE).length > 1) takeCpuDown(k, cpu);
  }

  allocated(): number {
    return this.blocks.reduce((sum, { order }) => sum + 2 ** order, 0);
  }
}

describe.each(Object.keys(MACHINES))('%s', (name) => {
  const driver = new Driver(bootInProcess(MACHINES[name]));

  function expectSound(): void {
    const { violations, frames } = audit(driver.machine.k);
    expect(violations.map(describeViolation)).toEqual([]);
    const { free, percpu, allocated, reserved, hole, total } = frames;
    expect(free + percpu + allocated + reserved + hole).toBe(total);
    expect(allocated).toBe(driver.allocated());
  }

  test('is sound after boot', expectSound);

  // One machine for all runs: what one leaves behind, the next finds.
  test.prop([fc.array(step, { maxLength: 150 })], { numRuns: 25, endOnFailure: true })(
    'stays sound, whatever its CPUs do',
    (steps) => {
      for (const step of steps) driver.run(step);
      expectSound();
    },
  );
});

describe('a CPU can be stopped for an audit at every point where it can be interrupted', () => {
  test.each([
    ['without debugging', debug()],
    ['with page owners and lock checks', debug('pageOwner', 'locks', 'vm')],
  ])('%s', (_, switches) => {
    const { cpus, platform, image, k } = bootInProcess(twoNodes(16, { debug: switches }));
    const console = new Kernel(image, cpus.length, platform);
    const found: string[] = [];
    let audits = 0;
    const { poll } = platform;
    platform.poll = function (word) {
      if (k.preempt_count() === 0) {
        audits++;
        found.push(...audit(console).violations.map(describeViolation));
      }
      return poll.call(this, word);
    };
    for (let i = 0; i < 40; i++) {
      const mask = i % 3 === 0 ? GFP_KERNEL | __GFP_COMP : GFP_KERNEL;
      const first = k.alloc_pages(mask, i % 5);
      const second = k.alloc_pages(mask, i % 4);
      k.__free_pages(first, i % 5);
      if (i % 2 === 0) k.__free_pages(second, i % 4);
    }
    expect(found).toEqual([]);
    expect(audits).toBeGreaterThan(100);
  });
});
