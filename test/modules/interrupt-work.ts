import { PAGE_SIZE } from '../../src/arch/page.js';
import { __GFP_ZERO, GFP_KERNEL } from '../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../src/kernel/mm/phys.js';
import type { Kernel } from '../../src/kernel/kernel.js';

/** Functions that tests of interrupts run on CPUs. `word` is that of a page: structures first, then counters. */

const FIRST_COUNTER = 256;

/** The word of the image where a zeroed page lies. */
export function page(k: Kernel): number {
  return phys_to_word(k, k.alloc_page(GFP_KERNEL | __GFP_ZERO) * PAGE_SIZE);
}

/** Counts, by CPU. */
export function count(k: Kernel, word: number): number {
  Atomics.add(k.i32, word + FIRST_COUNTER + k.cpu, 1);
  return 1;
}

export function counts(k: Kernel, word: number): number[] {
  return Array.from(k.i32.subarray(word + FIRST_COUNTER, word + FIRST_COUNTER + 4));
}

const symbol = (k: Kernel, name: string): number => k.module_symbol(import.meta.url, name);

export function requestIrq(k: Kernel, { line, word }: { line: number; word: number }): number {
  return k.request_irq(line, symbol(k, 'count'), 0, 'test', word);
}

/** Runs until this CPU has counted so often. */
export function runUntil(k: Kernel, { word, wanted }: { word: number; wanted: number }): void {
  while (Atomics.load(k.i32, word + FIRST_COUNTER + k.cpu) < wanted) k.poll();
}

export function catInterrupts(k: Kernel): string {
  return k.cat('/proc/interrupts');
}

/** Sets a timer for so many jiffies from now. */
export function setTimer(k: Kernel, { word, ticks }: { word: number; ticks: number }): number {
  k.setup_timer(word, symbol(k, 'noteJiffy'), word);
  const expires = k.jiffies() + ticks;
  k.mod_timer(word, expires);
  return expires;
}

export function noteJiffy(k: Kernel, word: number): void {
  k.i32[word + 128] = k.jiffies();
  count(k, word);
}

export function jiffyNoted(k: Kernel, word: number): number {
  return k.i32[word + 128];
}

/** Sets a timer, and stays busy until it has run. */
export function waitForTimer(k: Kernel, args: { word: number; ticks: number }): [number, number] {
  const expires = setTimer(k, args);
  runUntil(k, { word: args.word, wanted: 1 });
  return [expires, jiffyNoted(k, args.word)];
}

/** Schedules a tasklet from this CPU again and again, in a random-looking rhythm. */
export function scheduleOften(k: Kernel, { word, rounds }: { word: number; rounds: number }): void {
  for (let i = 0; i < rounds; i++) {
    if (i % 3 === 0) k.local_bh_disable();
    k.tasklet_schedule(word);
    if (i % 3 === 0) k.local_bh_enable();
    k.poll();
  }
}

export function initTasklet(k: Kernel, word: number): void {
  k.tasklet_init(word, symbol(k, 'exclusive'), word);
}

/** Notes at word 64 if somebody else is in here. */
export function exclusive(k: Kernel, word: number): void {
  if (Atomics.add(k.i32, word + 65, 1) !== 0) Atomics.add(k.i32, word + 64, 1);
  k.i32[word + 66]++;
  Atomics.sub(k.i32, word + 65, 1);
  count(k, word);
}

/** Kills the tasklet: overlaps, runs counted without protection, runs counted with it. */
export function endTasklet(k: Kernel, word: number): [number, number, number] {
  k.tasklet_kill(word);
  return [k.i32[word + 64], k.i32[word + 66], counts(k, word).reduce((sum, n) => sum + n, 0)];
}

/** Sets a timer on another CPU, takes it back, and says that its memory is free; how often it ran after that. */
export function deleteOften(
  k: Kernel,
  { word, cpu, rounds }: { word: number; cpu: number; rounds: number },
): { late: number; ran: number; deleted: number } {
  let deleted = 0;
  for (let i = 0; i < rounds; i++) {
    k.i32[word + 64] = 1;
    k.setup_timer(word, symbol(k, 'mustLive'), word);
    k.i32[word + 2] = k.jiffies();
    k.add_timer_on(word, cpu);
    // Ticks come at times; here the CPU is to look at its timers now.
    k.raise_irq(cpu, 7);
    for (let spin = 0; spin < (i * 7) % 200; spin++) k.poll();
    deleted += k.del_timer_sync(word);
    k.i32[word + 64] = 0;
  }
  return { late: k.i32[word + 65], ran: counts(k, word).reduce((sum, n) => sum + n, 0), deleted };
}

export function mustLive(k: Kernel, word: number): void {
  for (let i = 0; i < 20; i++) if (k.i32[word + 64] === 0) k.i32[word + 65]++;
  count(k, word);
}

/** Lets line 7 run the timers of its CPU. */
export function timersByLine(k: Kernel): number {
  return k.request_irq(7, symbol(k, 'raiseTimers'), 0, 'timers', 0);
}

export function raiseTimers(k: Kernel): number {
  k.raise_softirq_irqoff(1);
  return 1;
}

/** Says that it begins, and polls until the first word is set. */
export function pollUntil(k: Kernel, stop: Int32Array): void {
  Atomics.store(stop, 1, 1);
  while (Atomics.load(stop, 0) === 0) k.poll();
}

/** Calls all CPUs, and says what came of it. */
export function callAll(k: Kernel, word: number): number {
  return k.on_each_cpu(symbol(k, 'count'), word, true);
}

/** Calls all CPUs with a function that sets word 65 on CPU 2, and does not end there before word 64 is set. */
export function callAndHang(k: Kernel, word: number): number {
  return k.on_each_cpu(symbol(k, 'hangOnCpu2'), word, true);
}

export function hangOnCpu2(k: Kernel, word: number): void {
  if (k.cpu === 2) Atomics.store(k.i32, word + 65, 1);
  while (k.cpu === 2 && Atomics.load(k.i32, word + 64) === 0);
  count(k, word);
}

/** Takes a lock, and never looks at the kernel again until the word is set. */
export function lockUp(k: Kernel, { lock, stop }: { lock: number; stop: Int32Array }): void {
  k.spin_lock(lock);
  Atomics.store(stop, 1, 1);
  while (Atomics.load(stop, 0) === 0);
  k.spin_unlock(lock);
}
