import { addressSpace, type AddressSpace } from '../arch/address-space.js';
import { endFrame, type Hardware, type MemoryRange } from '../arch/hardware.js';
import { frameOf, PAGE_SIZE } from '../arch/page.js';
import { alignUp, CACHE_LINE_WORDS } from '../image/struct.js';
import type { MemoryImage } from '../image/memory-image.js';
import { CPU_AREA, CPU_ONLINE } from './core/cpu-area.js';
import { cpu_online, num_online_cpus, setCpuState } from './core/cpu-mask.js';
import {
  DEBUG_FAULTS,
  DEBUG_LOCKS,
  DEBUG_PAGE_OWNER,
  DEBUG_SLAB,
  DEBUG_SLEEP,
  DEBUG_VM,
  KERNEL,
  KERNEL_END,
  KERNEL_START,
  SYSTEM_RUNNING,
} from './core/kernel-data.js';
import { initFaults } from './core/fault-inject.js';
import { COMM_BYTES, MAX_KTHREADS, MAX_NUMNODES } from './core/limits.js';
import type { Platform } from './core/platform.js';
import { printk } from './core/printk.js';
import { DEPOT_BYTES, depotInit } from './core/stack-depot.js';
import { resetTask } from './core/task.js';
import { TASK } from './core/task-struct.js';
import { init_interrupts } from './cpu/init-interrupts.js';
import { sched_init } from './sched/init-tasks.js';
import { attachOwnThread } from './sched/own-task.js';
import { lock_class } from './sync/lockdep.js';
import { SPINLOCK } from './sync/spinlock.js';
import { mapSections, readFirmware } from './firmware.js';
import { Kernel } from './kernel.js';
import { free_bootmem_node, reserve_bootmem_node } from './mm/bootmem.js';
import { bootmem_bootmap_pages, init_bootmem_node } from './mm/bootmem-data.js';
import { free_all_bootmem } from './mm/bootmem-hand-over.js';
import { bootWords, free_area_init_nodes } from './mm/free-area-init.js';
import { pageOf, PAGE, PG_reserved } from './mm/page.js';
import { __free_page } from './mm/page-free.js';
import { percpu_counter_startup } from './mm/percpu-counter.js';
import { percpu_init, PERCPU_WORDS } from './mm/percpu.js';
import { init_per_zone_pages_min, refresh_zone_stat_thresholds, setup_pagesets } from './mm/zone-setup.js';
import { PAGESET_STRIDE, populatedZones } from './mm/zone.js';
import { kmem_cache_init, slabBootWords } from './slab/init.js';
import { mempool_init } from './slab/mempool-chain.js';
import { startReaper } from './slab/reap.js';
import { build_all_zonelists, nearestMemoryNode, ZONELIST_ORDERS, zonelistWords } from './mm/zonelist.js';

/** When a task counts as hung, unless the machine says otherwise (sysctl_hung_task_timeout_secs). Milliseconds. */
const HUNG_TASK_MS = 120_000;

/** Bytes that kmalloc gives at most, in 2.6.10 and in 2.6.24. */
const KMALLOC_MAX = 128 << 10;
const LATE_KMALLOC_MAX = 4 << 20;

/** The version that the kernel log names: the kernel whose page allocator this is. */
const UTS_RELEASE = '2.6.24-gfp';

/**
 * Boots the kernel on the calling thread, which becomes CPU 0: from firmware tables and empty memory to the allocators that
 * own all memory. The other CPUs come up afterwards, each with {@link start_secondary}, and {@link smp_boot_done} ends
 * the boot.
 *
 * @param image memory with the firmware tables in it, else zero
 * @throws KernelPanic when the memory does not suffice
 */
export function start_kernel(image: MemoryImage, platform: Platform): Kernel {
  const hardware = readFirmware(image);
  const k = startPageAllocator(image, platform);
  const isLate = hardware.slabProfile === '2.6.24';
  kmem_cache_init(k, isLate ? LATE_KMALLOC_MAX : KMALLOC_MAX, isLate);
  mempool_init(k);
  return k;
}

/**
 * {@link start_kernel} up to the page allocator: a kernel for who wants to see pages alone, and every one of them.
 *
 * @throws KernelPanic when the memory does not suffice
 */
export function startPageAllocator(image: MemoryImage, platform: Platform): Kernel {
  const hardware = readFirmware(image);
  const space = addressSpace(hardware.arch);
  initStaticData(image, hardware, space);
  const k = new Kernel(image, 0, platform, space);
  k.i32[k.area + CPU_AREA.at.owner] = platform.thread;
  printBanner(k, hardware);
  for (let nid = 0; nid < hardware.nodes; nid++) setupBootmem(k, hardware, nid);
  free_area_init_nodes(k, hardware);
  setup_per_cpu_areas(k, hardware);
  setupTasks(k, hardware);
  build_all_zonelists(k);
  setupDebug(k);
  init_interrupts(k, hardware.hz, hardware.debug.softLockupLimitMs);
  k.i32[KERNEL.slab_boot] = bootWords(k, 0, slabBootWords(k));
  for (const hook of hardware.bootHooks) platform.load(hook.module, hook.name)(k, 0);
  mem_init(k, hardware);
  init_per_zone_pages_min(k);
  setCpuState(k, 0, CPU_ONLINE);
  return k;
}

/** What the tables say, before anything can be allocated. */
function initStaticData(image: MemoryImage, hardware: Hardware, space: AddressSpace): void {
  const { i32, u8 } = image;
  const { debug, zoneLimits } = hardware;
  mapSections(image, hardware);
  i32[KERNEL.nr_cpus] = hardware.cpuNodes.length;
  i32[KERNEL.nr_nodes] = hardware.nodes;
  i32[KERNEL.debug] =
    (debug.locks ? DEBUG_LOCKS : 0) |
    (debug.sleep ? DEBUG_SLEEP : 0) |
    (debug.pageOwner ? DEBUG_PAGE_OWNER : 0) |
    (debug.vm ? DEBUG_VM : 0) |
    (debug.slab === true ? DEBUG_SLAB : 0) |
    (debug.faults === true ? DEBUG_FAULTS : 0);
  i32[KERNEL.lock_hold_limit_ms] = debug.lockHoldLimitMs;
  i32[KERNEL.hung_task_ms] = debug.hungTaskLimitMs ?? HUNG_TASK_MS;
  i32[KERNEL.max_pfn] = endFrame(hardware);
  i32[KERNEL.max_low_pfn] = Math.min(endFrame(hardware), frameOf(zoneLimits.lowmem));
  i32[KERNEL.pageblock_order] = space.pageblockOrder;
  i32[KERNEL.number_of_cpusets] = 1;
  i32[KERNEL.numa_zonelist_order] = ZONELIST_ORDERS.indexOf(hardware.numaZonelistOrder);
  i32[KERNEL.bootmem_active] = 1;
  i32[KERNEL.cpu_area] = KERNEL.boot_cpu_area;
  for (let cpu = 0; cpu < hardware.cpuNodes.length; cpu++) {
    i32[KERNEL.cpu_node + cpu] = hardware.cpuNodes[cpu] ?? 0;
    i32[KERNEL.cpu_possible_map + (cpu >>> 5)] |= 1 << (cpu & 31);
  }
  for (let from = 0; from < hardware.nodes; from++) {
    for (let to = 0; to < hardware.nodes; to++) {
      u8[KERNEL.node_distance * 4 + from * MAX_NUMNODES + to] = hardware.distances[from]?.[to] ?? 0;
    }
  }
}

function printBanner(k: Kernel, hardware: Hardware): void {
  printk(k, `Linux version ${UTS_RELEASE} (${hardware.arch}) #1 SMP`);
  printk(k, 'BIOS-provided physical RAM map:');
  const digits = k.space.bits / 4;
  for (const range of hardware.memory) {
    printk(k, ` BIOS-e820: ${hex(range.start, digits)} - ${hex(range.end, digits)} (usable)`);
  }
  for (const range of hardware.memory) {
    printk(
      k,
      `SRAT: Node ${range.node} PXM ${range.node} ${range.start.toString(16)}-${range.end.toString(16)}`,
    );
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Gives a node's low memory to the boot allocator, but for what is in use already. */
function setupBootmem(k: Kernel, hardware: Hardware, nid: number): void {
  const low = lowMemory(k, hardware, nid);
  const last = low.at(-1);
  if (last === undefined) return;
  const first = low[0];
  const startFrame = frameOf(first.start);
  const endFrameOfNode = frameOf(last.end);
  // The kernel image lies at 1 MiB; its node's bitmap comes right behind it, other nodes' in their first frames.
  const holdsKernel = first.start === 0;
  const mapFrame = holdsKernel ? Math.ceil(KERNEL_END / PAGE_SIZE) : startFrame;
  const mapBytes = init_bootmem_node(k, nid, mapFrame, startFrame, endFrameOfNode);
  const digits = k.space.bits / 4;
  printk(k, `Bootmem setup node ${nid} ${hex(first.start, digits)}-${hex(last.end, digits)}`);
  printk(
    k,
    `  bootmap [${hex(mapFrame * PAGE_SIZE, digits)}] pages ${bootmem_bootmap_pages(endFrameOfNode - startFrame)}`,
  );
  for (const range of low) free_bootmem_node(k, nid, range.start, range.end - range.start);
  reserve_bootmem_node(k, nid, mapFrame * PAGE_SIZE, mapBytes);
  if (!holdsKernel) return;
  // Frame 0 is the BIOS data page, and it is NULL.
  reserve_bootmem_node(k, nid, 0, PAGE_SIZE);
  reserve_bootmem_node(k, nid, KERNEL_START, KERNEL_END - KERNEL_START);
}

/** A node's memory that has permanent addresses. */
function lowMemory(k: Kernel, hardware: Hardware, nid: number): MemoryRange[] {
  const limit = k.i32[KERNEL.max_low_pfn] * PAGE_SIZE;
  const low: MemoryRange[] = [];
  for (const range of hardware.memory) {
    if (range.node === nid && range.start < limit) low.push({ ...range, end: Math.min(range.end, limit) });
  }
  return low;
}

/** Words of the two private zonelists that a task has for MPOL_BIND. */
function bindZonelistWords(hardware: Hardware): number {
  return alignUp(2 * zonelistWords(hardware.nodes), CACHE_LINE_WORDS);
}

/** Allocates the area and the page sets of every CPU on its node, and of the console; CPU 0 moves into its own. */
function setup_per_cpu_areas(k: Kernel, hardware: Hardware): void {
  const zones = populatedZones(k).length;
  const bindWords = bindZonelistWords(hardware);
  const perCpu = PERCPU_WORDS + bindWords + zones * PAGESET_STRIDE;
  for (let cpu = 0; cpu < hardware.cpuNodes.length; cpu++) {
    const area = bootWords(k, nearestMemoryNode(k, hardware.cpuNodes[cpu] ?? 0), perCpu);
    if (cpu === 0) k.moveBootArea(area);
    k.i32[KERNEL.cpu_area + cpu] = area;
    k.i32[area + CPU_AREA.at.bind_zonelist] = area + PERCPU_WORDS;
    initTask(k, area, `swapper/${cpu}`);
    setup_pagesets(k, cpu, area + PERCPU_WORDS + bindWords);
  }
  percpu_init(k);
  percpu_counter_startup(k);
  const console = bootWords(k, 0, CPU_AREA.words);
  k.i32[KERNEL.cpu_area + hardware.cpuNodes.length] = console;
  initTask(k, console, 'console');
}

/** The task that a CPU runs before there are others: it may use the memory of all nodes. */
function initTask(k: Kernel, area: number, comm: string): void {
  k.image.writeText((area + CPU_AREA.at.comm) * 4, COMM_BYTES, comm);
  resetTask(k, area);
}

/** Allocates the tasks. What runs now goes on as the idle task of CPU 0. */
function setupTasks(k: Kernel, hardware: Hardware): void {
  const slots = 2 * hardware.cpuNodes.length + MAX_KTHREADS;
  const words = TASK.words + bindZonelistWords(hardware);
  sched_init(k, bootWords(k, 0, slots * words), words, slots);
  attachOwnThread(k, 0, k.platform.thread);
}

/**
 * Memory for call traces, where a debug switch needs it; the classes of locks that no part of the kernel makes; what is made
 * to fail.
 */
function setupDebug(k: Kernel): void {
  if ((k.debug & (DEBUG_LOCKS | DEBUG_PAGE_OWNER | DEBUG_SLAB)) !== 0)
    depotInit(k, bootWords(k, 0, DEPOT_BYTES / 4));
  for (const attr of [KERNEL.failslab, KERNEL.fail_page_alloc]) initFaults(k, attr);
  k.i32[KERNEL.call_lock + SPINLOCK.at.lock_class] = lock_class(k, 'call_lock');
  k.i32[KERNEL.wait_queue_class] = lock_class(k, 'wait_queue_head_t->lock');
}

/** Hands all memory to the page allocator. */
function mem_init(k: Kernel, hardware: Hardware): void {
  let free = free_all_bootmem(k);
  const high = freeHighMemory(k, hardware);
  free += high;
  k.i32[KERNEL.totalram_pages] = free;
  let total = 0;
  for (const range of hardware.memory) total += frameOf(range.end - range.start);
  const kernelKb = Math.round((KERNEL_END - KERNEL_START) / 1024);
  printk(
    k,
    `Memory: ${free * 4}k/${k.i32[KERNEL.max_pfn] * 4}k available ` +
      `(${kernelKb}k kernel data, ${(total - free) * 4}k reserved, ${high * 4}k highmem)`,
  );
}

/** High memory was never in the hands of the boot allocator; its pages are freed one by one. */
function freeHighMemory(k: Kernel, hardware: Hardware): number {
  const { i32 } = k;
  let freed = 0;
  for (const range of hardware.memory) {
    const start = Math.max(frameOf(range.start), i32[KERNEL.max_low_pfn]);
    for (let pfn = start; pfn < frameOf(range.end); pfn++) {
      const page = pageOf(i32, pfn);
      i32[page + PAGE.at.flags] &= ~(1 << PG_reserved);
      i32[page + PAGE.at._count] = 1;
      __free_page(k, pfn);
      freed++;
    }
  }
  return freed;
}

/** A further CPU comes up: called once on its thread, after {@link start_kernel} and before it runs anything. */
export function start_secondary(k: Kernel): void {
  printk(k, `Booting processor ${k.cpu}/${k.i32[KERNEL.nr_cpus]} on node ${k.node}`);
  attachOwnThread(k, k.cpu, k.platform.thread);
  setCpuState(k, k.cpu, CPU_ONLINE);
}

/** All CPUs that come at boot are there. Called once, on the boot CPU's thread. */
export function smp_boot_done(k: Kernel): void {
  refresh_zone_stat_thresholds(k);
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) if (cpu_online(k, cpu)) startReaper(k, cpu);
  printk(k, `Brought up ${num_online_cpus(k)} CPUs`);
  Atomics.store(k.i32, KERNEL.system_state, SYSTEM_RUNNING);
}
