import * as irq from '../cpu/irq.js';
import { raise_irq } from '../cpu/irq-raise.js';
import * as jiffies from '../cpu/jiffies.js';
import { might_sleep } from '../cpu/might-sleep.js';
import * as softirq from '../cpu/softirq.js';
import * as tasklet from '../cpu/tasklet.js';
import * as timer from '../cpu/timer.js';
import { LockFace } from './lock-face.js';

/**
 * What interrupts bring: handlers, softirqs, tasklets and timers. Functions are symbol numbers (`module_symbol`);
 * a tasklet and a timer are word indices of the image, for example in a page, with as many words as their struct has.
 */
export abstract class IrqFace extends LockFace {
  might_sleep(): void {
    might_sleep(this);
  }

  request_irq(line: number, handler: number, flags: number, name: string, dev: number): number {
    return irq.request_irq(this, line, handler, flags, name, dev);
  }

  free_irq(line: number, dev: number): void {
    irq.free_irq(this, line, dev);
  }

  synchronize_irq(line: number): void {
    irq.synchronize_irq(this, line);
  }

  disable_irq(line: number): void {
    irq.disable_irq(this, line);
  }

  disable_irq_nosync(line: number): void {
    irq.disable_irq_nosync(this, line);
  }

  enable_irq(line: number): void {
    irq.enable_irq(this, line);
  }

  /** Raises the interrupt of a device on a CPU, as a device model does. */
  raise_irq(cpu: number, line: number): void {
    raise_irq(this, cpu, line);
  }

  open_softirq(nr: number, action: number, data = 0): void {
    softirq.open_softirq(this, nr, action, data);
  }

  raise_softirq(nr: number): void {
    softirq.raise_softirq(this, nr);
  }

  raise_softirq_irqoff(nr: number): void {
    softirq.raise_softirq_irqoff(this, nr);
  }

  tasklet_init(address: number, func: number, data = 0): void {
    tasklet.tasklet_init(this, address, func, data);
  }

  tasklet_schedule(address: number): void {
    tasklet.tasklet_schedule(this, address);
  }

  tasklet_hi_schedule(address: number): void {
    tasklet.tasklet_hi_schedule(this, address);
  }

  tasklet_disable(address: number): void {
    tasklet.tasklet_disable(this, address);
  }

  tasklet_disable_nosync(address: number): void {
    tasklet.tasklet_disable_nosync(this, address);
  }

  tasklet_enable(address: number): void {
    tasklet.tasklet_enable(this, address);
  }

  tasklet_kill(address: number): void {
    tasklet.tasklet_kill(this, address);
  }

  jiffies(): number {
    return jiffies.jiffies(this);
  }

  HZ(): number {
    return jiffies.HZ(this);
  }

  msecs_to_jiffies(milliseconds: number): number {
    return jiffies.msecs_to_jiffies(this, milliseconds);
  }

  jiffies_to_msecs(ticks: number): number {
    return jiffies.jiffies_to_msecs(this, ticks);
  }

  init_timer(address: number): void {
    timer.init_timer(this, address);
  }

  setup_timer(address: number, func: number, data = 0): void {
    timer.setup_timer(this, address, func, data);
  }

  setup_deferrable_timer(address: number, func: number, data = 0): void {
    timer.setup_deferrable_timer(this, address, func, data);
  }

  timer_pending(address: number): boolean {
    return timer.timer_pending(this, address);
  }

  add_timer(address: number): void {
    timer.add_timer(this, address);
  }

  add_timer_on(address: number, cpu: number): void {
    timer.add_timer_on(this, address, cpu);
  }

  mod_timer(address: number, expires: number): number {
    return timer.mod_timer(this, address, expires);
  }

  del_timer(address: number): number {
    return timer.del_timer(this, address);
  }

  try_to_del_timer_sync(address: number): number {
    return timer.try_to_del_timer_sync(this, address);
  }

  del_timer_sync(address: number): number {
    return timer.del_timer_sync(this, address);
  }
}
