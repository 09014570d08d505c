import { writeOnce } from './access-once.js';
import { callTrace } from './call-trace.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { KernelBug, KernelOops, KernelPanic } from './errors.js';
import { irqs_disabled } from './irqflags.js';
import { KERNEL, SYSTEM_PANIC } from './kernel-data.js';
import { COMM_BYTES } from './limits.js';
import { heldLocks } from './lock-report.js';
import { in_irq, in_softirq, preempt_count } from './preempt.js';
import { printk } from './printk.js';
import { endWaitingTasks } from './tasks.js';

/** The kernel was misused and this function cannot go on: reports and throws (kernel rule K6). */
export function BUG(k: Cpu, message: string): never {
  const report = write(k, `kernel BUG: ${message}`);
  throw new KernelBug(message, report);
}

/** {@link BUG} if the condition holds. */
export function BUG_ON(k: Cpu, condition: boolean, message: string): void {
  if (condition) BUG(k, message);
}

/** An access to an address that maps to nothing: reports and throws. */
export function oops(k: Cpu, message: string): never {
  const report = write(k, message);
  throw new KernelOops(message, report);
}

/** Something is wrong, but this function can go on: reports. */
export function WARN(k: Cpu, message: string): void {
  write(k, message);
}

/** Stops the whole machine: reports, and every CPU ends at its next wait or poll. */
export function panic(k: Cpu, message: string): never {
  const text = `Kernel panic - not syncing: ${message}`;
  // First the report: once the machine has stopped nobody waits for the log's lock any more.
  const report = describe(k, text, 2);
  try {
    printk(k, report);
  } finally {
    writeOnce(k, KERNEL.panic_cpu, k.cpu);
    Atomics.store(k.i32, KERNEL.system_state, SYSTEM_PANIC);
    endWaitingTasks(k);
  }
  k.platform.report(report);
  throw new KernelPanic(text);
}

/** The running task's name. */
export function currentComm(k: Cpu): string {
  return k.image.readText((k.area + CPU_AREA.at.comm) * 4, COMM_BYTES);
}

/** Logs and reports a message with its circumstances. */
function write(k: Cpu, message: string): string {
  const report = describe(k, message, 3);
  printk(k, report);
  k.platform.report(report);
  return report;
}

/**
 * A message with all that helps to understand it: CPU, task, context, locks held and the call trace.
 *
 * @param skip functions of this file on the stack
 */
function describe(k: Cpu, message: string, skip: number): string {
  const { i32, area } = k;
  const context = in_irq(k) ? 'hardirq' : in_softirq(k) ? 'softirq' : 'process';
  const count = preempt_count(k).toString(16).padStart(8, '0');
  const locks: string[] = [];
  for (const lock of heldLocks(k, k.cpu)) locks.push(k.nameOf(lock));
  return [
    '------------[ cut here ]------------',
    message,
    `CPU: ${k.cpu} PID: ${i32[area + CPU_AREA.at.pid]} comm: ${currentComm(k)} context: ${context} ` +
      `preempt_count: ${count} irqs: ${irqs_disabled(k) ? 'off' : 'on'}`,
    `locks held: ${locks.length === 0 ? 'none' : locks.join(', ')}`,
    'Call Trace:',
    callTrace(skip),
    '---[ end trace ]---',
  ].join('\n');
}
