import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { claimCpu, takeClaimedCpu, unclaimCpu } from '../../../kernel/cpu/ownership.js';
import { bringCpuUp, takeCpuDown } from '../../../kernel/hotplug.js';
import { GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { expectMemory, expectNothingLeft, noteFreePages } from './memory-check.js';
import { givePages, setHotLists, takePages } from './pages.js';
import { scratchLine } from './scratch.js';

/** The console stops, unplugs and plugs in CPU 1, whatever CPUs do at the time. */

const INTERRUPT = 'kernel/cpu/interrupt';
const OWNERSHIP = 'kernel/cpu/ownership';
const LOCK = scratchLine(0);

function prepareLists(k: Kernel): void {
  setHotLists(k, 6, 2);
  noteFreePages(k);
}

function singlePage(k: Kernel): void {
  const page = takePages(k, GFP_KERNEL, 0, k.cpu + 1);
  givePages(k, page, 0, k.cpu + 1);
}

/** Stops CPU 1: its thread leaves it where it may be preempted, or it was idle. */
function stopCpu(k: Kernel): void {
  const owner = k.i32[KERNEL.cpu_area + 1] + CPU_AREA.at.owner;
  claimCpu(k, 1);
  while (!takeClaimedCpu(k, 1)) k.cpu_relax(owner);
  expectValue('the preempt_count of the stopped CPU', k.as(1).preempt_count(), 0);
}

function unplug(k: Kernel): void {
  stopCpu(k);
  takeCpuDown(k, 1);
  unclaimCpu(k, 1);
}

function unplugAndPlugIn(k: Kernel): void {
  unplug(k);
  bringCpuUp(k, 1);
}

/** A CPU runs only while it is online. */
function expectOnline(k: Kernel): void {
  if (!k.cpu_online(k.cpu)) throw new Error(`CPU ${k.cpu} runs although it is offline`);
}

const again = kernelPart(
  scenario({
    name: 'kernel: a CPU is unplugged and plugged in while it allocates',
    machine: oneZone(2),
    setup: prepareLists,
    threads: [
      singlePage,
      (k) => {
        singlePage(k);
        expectOnline(k);
      },
    ],
    console: unplugAndPlugIn,
    final: (k) => expectMemory(k),
  }),
  {
    'the console does not wait until the CPU is idle': {
      kinds: [...NOT_GUARDED, 'deadlock', 'unlock-not-owner'],
      patches: [
        {
          file: OWNERSHIP,
          find: 'return false;',
          replace: 'Atomics.store(k.i32, area + OWNER, k.platform.thread);',
        },
      ],
    },
    'a thread takes its CPU back without looking whether it is online': {
      kinds: ['assertion'],
      patches: [
        {
          file: 'kernel/cpu/dispatch',
          find: 'Atomics.load(i32, area + STATE) === CPU_ONLINE',
          replace: 'true',
        },
      ],
    },
  },
);

/** Holds a lock, and lets interrupts in: a stop has to wait until the lock is free. */
function pollUnderLock(k: Kernel): void {
  k.spin_lock(LOCK);
  k.poll();
  k.spin_unlock(LOCK);
}

const inLock = kernelPart(
  scenario({
    name: 'kernel: a CPU is not unplugged while it holds a lock',
    machine: oneZone(2),
    threads: [pollUnderLock, pollUnderLock],
    console: unplugAndPlugIn,
  }),
  {
    'a stop is obeyed in atomic context': {
      kinds: ['assertion', 'deadlock', 'race'],
      patches: [{ file: INTERRUPT, find: 'in_atomic(k)', replace: 'false' }],
    },
  },
);

function fillListOfOther(k: Kernel): void {
  setHotLists(k, 6, 2);
  noteFreePages(k);
  singlePage(k.as(1));
}

const whileDrained = kernelPart(
  scenario({
    name: 'kernel: an idle CPU is unplugged while another drains all page lists',
    machine: oneZone(2),
    setup: fillListOfOther,
    threads: [(k) => k.drain_all_pages()],
    console: unplug,
    final: (k) => {
      expectMemory(k);
      expectNothingLeft(k, 1);
    },
  }),
  {
    'the pages of an unplugged CPU stay on its lists': {
      kinds: ['assertion'],
      patches: [{ file: 'kernel/hotplug', find: 'drain_local_pages(gone);', replace: '' }],
    },
    'the caller waits for a CPU that has gone': {
      kinds: ['deadlock', 'livelock', 'lost-wakeup'],
      patches: [
        {
          file: 'kernel/cpu/smp-call',
          find: 'if (!cpu_online(k, cpu)) {',
          replace: 'if (!cpu_online(k, cpu)) { late = cpu; continue;',
        },
      ],
    },
    'the caller takes the place of a CPU that the console has': {
      kinds: [...NOT_GUARDED, 'deadlock'],
      patches: [
        {
          file: OWNERSHIP,
          find: 'return undefined;',
          replace: 'Atomics.store(k.i32, area + OWNER, k.platform.thread);',
        },
      ],
    },
  },
);

export const UNPLUGGING_PARTS: readonly KernelPart[] = [again, inLock, whileDrained];
