import type { Cpu } from '../core/cpu.js';
import { KERNEL_IRQ } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';

const HZ_WORD = KERNEL.irq + KERNEL_IRQ.at.hz;

/**
 * Clock ticks since boot: a 32-bit number that wraps, so compare with {@link time_after}. It follows from the time, so
 * it is right also where no tick has come: on an idle machine, and with interrupts off. Any context.
 */
export function jiffies(k: Cpu): number {
  return Math.floor((k.platform.now() * k.i32[HZ_WORD]) / 1000) | 0;
}

/** Ticks a second. */
export function HZ(k: Cpu): number {
  return k.i32[HZ_WORD];
}

/** Milliseconds in ticks, rounded up. */
export function msecs_to_jiffies(k: Cpu, milliseconds: number): number {
  return Math.ceil((milliseconds * k.i32[HZ_WORD]) / 1000);
}

/** Ticks in milliseconds. */
export function jiffies_to_msecs(k: Cpu, ticks: number): number {
  return (ticks * 1000) / k.i32[HZ_WORD];
}

/** Whether `a` is later than `b`; the two are less than 2^31 ticks apart. */
export function time_after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}
