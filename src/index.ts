/**
 * gfp: a many-CPU NUMA machine inside one Node process, with the Linux kernel's memory allocators on it.
 *
 * @packageDocumentation
 */
export { Machine, type MachineEvents } from './machine/machine.js';
export { MachineCpu } from './machine/machine-cpu.js';
export type { MachineTask, SpawnOptions } from './machine/task-threads.js';
export type { TaskInfo } from './kernel/sched/list-tasks.js';
export {
  CpuDiedError,
  CpuError,
  MachinePanicError,
  MachineStateError,
  TaskDiedError,
  TaskError,
} from './machine/machine-errors.js';
export { ConfigError } from './machine/config-error.js';
export type {
  MachineConfig,
  MemorySize,
  NodeConfig,
  RangeConfig,
  ZoneLimitsConfig,
} from './machine/config-types.js';
export { PRESET_NAMES, PRESETS } from './machine/presets.js';
export { Kernel } from './kernel/kernel.js';
export { KernelBug, KernelOops, KernelPanic, MachineHalted, ModuleLoadError } from './kernel/core/errors.js';
export { MAX_KTHREADS, PERCPU_ENOUGH_ROOM } from './kernel/core/limits.js';
export { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from './kernel/core/task-struct.js';
export { SIGHUP, SIGINT, SIGKILL, SIGTERM } from './kernel/sched/signal.js';
export { IRQ_HANDLED, IRQ_NONE, IRQF_SHARED } from './kernel/cpu/irq.js';
export { time_after } from './kernel/cpu/jiffies.js';
export {
  BLOCK_SOFTIRQ,
  HI_SOFTIRQ,
  NET_RX_SOFTIRQ,
  NET_TX_SOFTIRQ,
  TASKLET_SOFTIRQ,
  TIMER_SOFTIRQ,
} from './kernel/cpu/softirq.js';
export { TASKLET } from './kernel/cpu/tasklet-struct.js';
export { TIMER_LIST } from './kernel/core/interrupt-data.js';
export * from './kernel/mm/gfp.js';
export { MPOL_BIND, MPOL_DEFAULT, MPOL_INTERLEAVE, MPOL_PREFERRED } from './kernel/mm/mempolicy.js';
export { PF_MEMALLOC } from './kernel/mm/page-alloc.js';
export type { PerCpu, PerCpuPointer } from './kernel/mm/percpu-access.js';
export { FBC_BATCH, PERCPU_COUNTER } from './kernel/mm/percpu-counter.js';
export { array, int, long, struct, unsigned } from './kernel/mm/percpu-types.js';
export { COMPLETION } from './kernel/sched/completion.js';
export { MUTEX } from './kernel/sched/mutex.js';
export { SEMAPHORE } from './kernel/sched/semaphore.js';
export { MAX_SCHEDULE_TIMEOUT } from './kernel/sched/timeout.js';
export { WAIT_QUEUE_HEAD } from './kernel/sched/wait-line.js';
export {
  mempool_alloc_pages,
  mempool_alloc_slab,
  mempool_free_pages,
  mempool_free_slab,
  mempool_kfree,
  mempool_kmalloc,
} from './kernel/slab/mempool-kinds.js';
export type { kmem_cache_t } from './kernel/slab/kmem-cache.js';
export type { mempool_t } from './kernel/slab/mempool.js';
export { ZERO_SIZE_PTR } from './kernel/slab/general-caches.js';
export {
  SLAB_CACHE_DMA,
  SLAB_CTOR_ATOMIC,
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_CTOR_VERIFY,
  SLAB_DEBUG_FREE,
  SLAB_DEBUG_INITIAL,
  SLAB_DESTROY_BY_RCU,
  SLAB_HWCACHE_ALIGN,
  SLAB_MUST_HWCACHE_ALIGN,
  SLAB_NO_REAP,
  SLAB_PANIC,
  SLAB_POISON,
  SLAB_RECLAIM_ACCOUNT,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
} from './kernel/slab/slab-flags.js';
export { MAX_ORDER } from './kernel/mm/zone.js';
export { PAGE_SHIFT, PAGE_SIZE } from './arch/page.js';
export {
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_HIGHMEM,
  ZONE_MOVABLE,
  ZONE_NAMES,
  ZONE_NORMAL,
} from './arch/address-space.js';
export { replayTrace, type ReplayOptions, type ReplayProgress } from './trace/replay.js';
export type {
  CpuReplay,
  LiveAtEnd,
  ReplayedCaches,
  ReplaySpeed,
  TraceReplay,
} from './trace/replay-result.js';
export { sampleTraceFile } from './trace/sample-trace.js';
export type { ReplayedEvents } from './trace/trace-compiler.js';
export { TraceError } from './trace/trace-error.js';
export type { WasteComparison, WasteRow, WasteSums } from './trace/waste.js';
