import { GFP_KERNEL, type Kernel, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE } from 'gfp';

/** What the tasks of the tests do. Shared words are a SharedArrayBuffer of the test. */

const URL = import.meta.url;

/** The task's own view of itself. */
export function whoAmI(k: Kernel, args: unknown) {
  k.preempt_disable();
  const me = { args, cpu: k.cpu, pid: k.task_pid(k.current()), comm: k.task_comm(k.current()) };
  k.preempt_enable();
  return me;
}

/** Words of a page of the machine, for locks and counters of its tasks. */
export function words(k: Kernel): number {
  return k.wordAt(k.get_zeroed_page(GFP_KERNEL));
}

/** Counts in a per-CPU manner on whatever CPU it is, with sleeps in between; on how many CPUs it was. */
export function count(k: Kernel, { shared, rounds }: { shared: Int32Array; rounds: number }): number {
  const cpus = new Set<number>();
  for (let i = 0; i < rounds; i++) {
    k.preempt_disable();
    cpus.add(k.cpu);
    // Nobody else is on this CPU meanwhile.
    if (Atomics.add(shared, 1 + k.cpu, 1) !== 0) throw new Error(`two tasks on CPU ${k.cpu}`);
    Atomics.add(shared, 0, 1);
    Atomics.sub(shared, 1 + k.cpu, 1);
    k.preempt_enable();
    if (i % 4 === 0) k.msleep(1);
    else k.yield();
  }
  return cpus.size;
}

/** Runs until it is told to stop, without giving up its CPU by itself. */
export function busy(k: Kernel, shared: Int32Array): void {
  Atomics.add(shared, 0, 1);
  while (Atomics.load(shared, 1) === 0) k.poll();
}

/** Sleeps until it is woken; says whether that was by a signal. */
export function sleeper(k: Kernel, shared: Int32Array): string {
  Atomics.add(shared, 0, 1);
  k.set_current_state(TASK_INTERRUPTIBLE);
  k.schedule();
  return k.signal_pending() ? 'signal' : 'woken';
}

/** Sleeps for ever, whatever happens. */
export function sleepForEver(k: Kernel, shared: Int32Array): void {
  Atomics.add(shared, 0, 1);
  for (;;) {
    k.set_current_state(TASK_UNINTERRUPTIBLE);
    k.schedule();
  }
}

export function wakeTask(k: Kernel, pid: number): number {
  return k.wake_up_process(k.find_task_by_pid(pid));
}

export function throws(): void {
  throw new RangeError('out of cheese');
}

/** Ends with preemption disabled. */
export function leavesMess(k: Kernel): void {
  k.preempt_disable();
}

export function exits(k: Kernel): void {
  k.do_exit(7);
}

export function sleepsAtomic(k: Kernel): void {
  k.preempt_disable();
  k.schedule();
}

/** Holds a spinlock for ever. */
export function holdsLock(k: Kernel, { lock, shared }: { lock: number; shared: Int32Array }): void {
  k.spin_lock_init(lock);
  k.spin_lock(lock);
  Atomics.add(shared, 0, 1);
  for (;;) k.poll();
}

/** Has each CPU of a list call it its own. */
export function movesAround(k: Kernel, cpus: readonly number[]): number[] {
  const seen: number[] = [];
  for (const cpu of cpus) {
    if (k.set_cpus_allowed(k.current(), [cpu]) !== 0) throw new Error(`CPU ${cpu} is not allowed`);
    seen.push(k.cpu);
  }
  return seen;
}

/** Moves another task from CPU to CPU. */
export function movesOther(k: Kernel, { pid, cpus }: { pid: number; cpus: readonly number[] }): number[] {
  const task = k.find_task_by_pid(pid);
  const seen: number[] = [];
  for (const cpu of cpus) {
    k.set_cpus_allowed(task, [cpu]);
    // Until it has come there it runs nowhere.
    while (k.task_cpu(task) !== cpu) k.msleep(1);
    seen.push(k.task_cpu(task));
  }
  return seen;
}

/** A kernel thread that counts until it is stopped. */
export function untilStopped(k: Kernel, data: number): number {
  while (!k.kthread_should_stop()) k.msleep(1);
  return data * 2;
}

/** Creates kernel threads, and what comes of them. */
export function kthreads(k: Kernel) {
  const symbol = k.module_symbol(URL, 'untilStopped');
  const [bound, never, ended] = [
    k.kthread_create(symbol, 21, 'a name that is too long'),
    k.kthread_create(symbol, 1, 'never'),
    k.kthread_create(k.module_symbol(URL, 'endsItself'), 5, 'ends'),
  ];
  k.kthread_bind(bound, 3);
  k.wake_up_process(bound);
  k.get_task_struct(ended);
  k.wake_up_process(ended);
  k.msleep(20);
  const stopped = { name: k.task_comm(bound), cpu: k.task_cpu(bound), code: k.kthread_stop(bound) };
  const codes = [k.kthread_stop(never), k.kthread_stop(ended)];
  k.put_task_struct(ended);
  return { stopped, codes };
}

export function endsItself(_k: Kernel, data: number): number {
  return data + 1;
}

/** The own task of a CPU sleeps in the middle of what the host lets it run. */
export function ownTaskSleeps(k: Kernel): number {
  const before = k.jiffies();
  const me = k.current();
  k.msleep(30);
  if (k.current() !== me) throw new Error('another task has come back');
  return k.jiffies() - before;
}

/** Calls a module's default export as the kernel calls a function by its number. */
export function callByNumber(k: Kernel, url: string): number {
  return k.call(k.module_symbol(url, 'default'), 0);
}
