import { __GFP_COMP, __GFP_ZERO, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import type { MachineConfig } from '../../../src/machine/config-types.js';
import type { MachineScenario } from '../../../src/race/scenario.js';

/** Programs that use pages rightly and wrongly. */

const machine: MachineConfig = { nodes: [{ memory: '9M', cpus: 2 }], debug: { sleep: true, vm: true } };
const withoutChecks: MachineConfig = { ...machine, debug: { sleep: true, vm: false } };

/** A word of the BIOS page, through which addresses are handed on. It is zero at first. */
const MAILBOX = 64;

function post(k: Kernel, page: number): void {
  Atomics.store(k.i32, MAILBOX, page);
}

/** Waits for a page to be posted. */
function collect(k: Kernel): number {
  for (;;) {
    const page = Atomics.load(k.i32, MAILBOX);
    if (page !== 0) return page;
  }
}

function allocate(k: Kernel, order = 0, flags = 0): number {
  const page = k.alloc_pages(GFP_KERNEL | flags, order);
  if (page === 0) throw new Error('there is no memory');
  return page;
}

function one(name: string, body: (k: Kernel) => void, rest: Partial<MachineScenario> = {}): MachineScenario {
  return { name, machine, threads: [body], noLeaks: true, ...rest };
}

function two(declared: MachineScenario): MachineScenario {
  return declared;
}

/** Everything that is allowed: short and long way, orders, compound pages, references, zeroed pages. */
export const correct = one('correct uses', (k) => {
  for (let round = 0; round < 3; round++) {
    const single = allocate(k);
    k.memset(k.page_address(single), 1, 4096);
    k.read8(k.page_address(single) + 4095);
    const zeroed = k.get_zeroed_page(GFP_KERNEL);
    if (k.read32(zeroed + 128) !== 0) throw new Error('not zeroed');
    const block = allocate(k, 3, __GFP_ZERO);
    k.read32(k.page_address(block + 7) + 4092);
    const compound = allocate(k, 2, __GFP_COMP);
    k.get_page(compound + 3);
    k.put_page(compound);
    k.write32(k.page_address(compound + 3), 7);
    k.read32(k.page_address(compound + 3));
    k.put_page(compound + 1);
    const part = k.page_address(single);
    k.write8(part + 9, 1);
    k.read8(part + 9);
    k.free_pages(k.page_address(block), 3);
    k.free_page(zeroed);
    k.get_page(single);
    k.__free_page(single);
    k.__free_page(single);
  }
});

/** The owner gives the page to the other CPU, which frees it. */
export const handedOver = two({
  name: 'a page is handed over',
  machine,
  threads: [
    (k) => {
      const page = allocate(k);
      k.write32(k.page_address(page), 1);
      post(k, page);
    },
    (k) => {
      const page = collect(k);
      k.read32(k.page_address(page));
      k.write32(k.page_address(page), 2);
      k.__free_page(page);
    },
  ],
  noLeaks: true,
});

export const setupAndFinal = two({
  name: 'pages of setup',
  machine,
  setup: (k) => {
    const page = allocate(k, 1, __GFP_ZERO);
    k.write32(k.page_address(page), 5);
    post(k, page);
  },
  threads: [
    (k) => k.read32(k.page_address(k.i32[MAILBOX] + 1)),
    (k) => k.read32(k.page_address(k.i32[MAILBOX])),
  ],
  final: (k) => {
    const page = k.i32[MAILBOX];
    k.read32(k.page_address(page));
    k.__free_pages(page, 1);
  },
  noLeaks: true,
});

export const useAfterFree = one('use after free', (k) => {
  const page = allocate(k);
  k.__free_page(page);
  k.write32(k.page_address(page) + 12, 1);
});

/** It writes after it has given the page away; the other may have freed it. */
export const useAfterHandOver = two({
  name: 'use after hand-over',
  machine,
  threads: [
    (k) => {
      const page = allocate(k);
      post(k, page);
      k.write32(k.page_address(page) + 12, 1);
    },
    (k) => k.__free_page(collect(k)),
  ],
});

/** The page has a new owner by the time that the old one reads it, and the new one has said so to nobody. */
export const useAfterReuse = two({
  name: 'use after reuse',
  machine,
  setup: (k) => {
    post(k, allocate(k));
  },
  threads: [
    (k) => {
      k.__free_page(k.i32[MAILBOX]);
      k.write32(k.page_address(allocate(k)), 1);
    },
    (k) => {
      k.write32(k.page_address(k.i32[MAILBOX]) + 64, 1);
    },
  ],
});

export const freeTwice = one('free twice', (k) => {
  const page = allocate(k);
  k.__free_page(page);
  k.__free_page(page);
});

export const freeTwiceUnchecked = one('free twice, unchecked', freeTwice.threads[0], {
  machine: withoutChecks,
});

export const freeBlockTwice = one(
  'free a block twice',
  (k) => {
    const page = allocate(k, 2);
    k.__free_pages(page, 2);
    k.__free_pages(page, 2);
  },
  { machine: withoutChecks },
);

export const freeOnBothCpus = two({
  name: 'free on both CPUs',
  machine: withoutChecks,
  setup: (k) => {
    post(k, allocate(k));
  },
  threads: [(k) => k.__free_page(k.i32[MAILBOX]), (k) => k.__free_page(k.i32[MAILBOX])],
  ignore: ['race'],
});

export const referenceToFree = one(
  'reference to a free page',
  (k) => {
    const page = allocate(k);
    k.__free_page(page);
    k.get_page(page);
  },
  { machine: withoutChecks },
);

export const freeTooMuch = one('free too much', (k) => {
  const page = allocate(k, 1);
  k.__free_pages(page, 2);
});

export const beyondBlock = one('beyond a block', (k) => {
  const page = allocate(k, 1);
  k.write32(k.page_address(page) + 2 * 4096, 1);
});

export const uninitialised = one('uninitialised', (k) => {
  const address = k.__get_free_page(GFP_KERNEL);
  k.write16(address, 1);
  k.read32(address);
});

export const copied = one('copied', (k) => {
  const from = k.get_zeroed_page(GFP_KERNEL);
  const to = k.__get_free_page(GFP_KERNEL);
  k.memcpy(to + 16, from, 64);
  k.read32(to + 76);
  k.free_page(from);
  k.free_page(to);
});

export const copiedUnwritten = one('copied unwritten', (k) => {
  const page = k.__get_free_page(GFP_KERNEL);
  k.memcpy(page + 16, page + 1024, 64);
});

export const ignored = one(
  'uninitialised on purpose',
  (k) => {
    const address = k.__get_free_page(GFP_KERNEL);
    k.read32(address);
    k.free_page(address);
  },
  { ignore: ['uninitialised'] },
);

export const leak = one('leak', (k) => {
  allocate(k, 2);
  k.__free_page(allocate(k));
});

export const leakOfPart = one('leak of a part', (k) => {
  k.__free_pages(allocate(k, 2), 1);
});

export const wrongSetup = two({
  name: 'wrong setup',
  machine,
  setup: (k) => {
    const page = allocate(k);
    k.__free_page(page);
    k.write8(k.page_address(page), 1);
  },
  threads: [(k) => k.poll()],
});
