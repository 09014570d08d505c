import { array, bytes, double, struct, word } from '../../image/struct.js';
import { COMM_BYTES } from './limits.js';

/** Interrupt lines that device models and tests can raise. */
export const NR_IRQS = 64;
/** Handlers that can be registered at a time. */
export const MAX_IRQ_ACTIONS = 64;
/** Softirqs: the kernel's own, in the order in which they run, and numbers for modules behind them. */
export const NR_SOFTIRQS = 16;

/** The tasklets that are scheduled on a CPU. Changed under `lock`, interrupts off. */
export const TASKLET_LIST = struct('tasklet_head', {
  /** `lock` and its class for the order checker. */
  lock: array(word, 2),
  /** First and last tasklet, 0 for none; each points to the next one. */
  head: word,
  tail: word,
  count: word,
});

/** `struct timer_list`. Changed under the lock of its base. */
export const TIMER_LIST = struct('timer_list', {
  /** Its neighbours among the timers of its base, by the same offsets as in the base's list head; 0: not pending. */
  next: word,
  prev: word,
  /** The jiffy for which it was set; who adds a timer writes it before. */
  expires: word,
  /** The jiffy in which it runs: `expires`, or the next one if that was in the past. */
  slot: word,
  /** Symbol number of its function. */
  function: word,
  /** The CPU of its base. Changed under the locks of both bases by Atomics; read without, and read again under the lock. */
  base: word,
  /** 1: it does not wake an idle CPU. Constant while the timer is pending. */
  deferrable: word,
  /** The argument of the function. */
  data: double,
});

/** The timers of a CPU. Changed under `lock`, interrupts off. */
export const TIMER_BASE = struct('tvec_base', {
  lock: array(word, 2),
  /** First and last timer, in the order in which they run; the word itself when there is none. */
  first: word,
  last: word,
  /** The next jiffy for which timers have not run yet: what is added for an earlier one runs then. */
  timer_jiffies: word,
  /** The timer whose function runs, 0 for none. Changed under `lock` by Atomics; waited on without it. */
  running_timer: word,
  /**
   * The jiffy of the first timer (1 instead of 0), 0 when there is none. Changed under `lock` by Atomics; the clock
   * reads it without.
   */
  next: word,
  /** The same for the first timer that an idle CPU wakes for. */
  next_wakeup: word,
});

/** What interrupts need of a CPU. */
export const CPU_IRQ = struct('cpu_irq', {
  /** Device interrupts raised on this CPU, a bit each; with IRQ_DEVICE in `pending`. Atomics. */
  irq_pending: array(word, NR_IRQS / 32),
  /** Softirqs raised on this CPU, a bit each. The CPU's own, interrupts off. */
  softirq_pending: word,
  /** Interrupts served, by number; clock ticks; calls from other CPUs. The CPU's own; files read them: a deliberate race. */
  irq_counts: array(word, NR_IRQS),
  tick_count: word,
  call_count: word,
  /** The tasklet that this CPU runs, 0 for none, for the console when the CPU dies. The CPU's own. */
  running_tasklet: word,
  tasklets_hi: TASKLET_LIST,
  tasklets: TASKLET_LIST,
  timers: TIMER_BASE,
});

/** A registered interrupt handler. Changed under irq_lock while no line has it; constant while one has. */
export const IRQACTION = struct('irqaction', {
  /** The line's next handler. Changed under the line's lock by Atomics; followed without it while the line is served. */
  next: word,
  /** Symbol number of the handler; 0: the entry is free. */
  handler: word,
  flags: word,
  /** A double: it may be a kernel address. */
  dev_id: double,
  name: bytes(COMM_BYTES),
});

/** An interrupt line. Changed under `lock`, interrupts off. */
export const IRQ_DESC = struct('irq_desc', {
  lock: array(word, 2),
  /** The first handler. As `next` in {@link IRQACTION}. */
  action: word,
  /** The CPU that serves the line, plus 1; 0: none. By Atomics; waited on without the lock. */
  serving: word,
  /** 1: raised again while it was served or disabled. */
  raised: word,
  /** How often disable_irq was called without enable_irq. */
  depth: word,
});

/** What a softirq runs. Written by open_softirq before the softirq is raised. */
export const SOFTIRQ_ACTION = struct('softirq_action', {
  action: word,
  data: double,
});

/** What interrupts and the clock need besides. */
export const KERNEL_IRQ = struct('irq', {
  /** Clock ticks a second (HZ). Constant after boot. */
  hz: word,
  /** Milliseconds without a poll after which a CPU counts as locked up. Constant after boot. */
  softlockup_ms: word,
  /** Counts what the clock has to look at; waited on by the host. Atomics. */
  clock_bell: word,
  /** 1 while the clock looks at no CPU before the first of the timers that it has seen. Atomics. */
  clock_asleep: word,
  /** The load averages over 1, 5 and 15 minutes, and the jiffy in which their next sample is due. Atomics. */
  avenrun: array(word, 3),
  load_jiffy: word,
  softirq_vec: array(SOFTIRQ_ACTION, NR_SOFTIRQS),
  /** Device interrupts that no handler was registered for. Atomics. */
  irq_err_count: word,
  /** Who has an entry of `irq_actions`. Interrupts off; inside it, the lock of a line. */
  irq_lock: array(word, 2),
  irq_desc: array(IRQ_DESC, NR_IRQS),
  irq_actions: array(IRQACTION, MAX_IRQ_ACTIONS),
});
