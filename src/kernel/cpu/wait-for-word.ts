import type { Cpu } from '../core/cpu.js';
import { poll } from '../core/irqflags.js';
import { sleepOnLock } from '../core/lock-wait.js';
import { checkRunning } from '../core/system-state.js';

/**
 * Waits while a word that others change with Atomics is `value`, and serves interrupts meanwhile, if they are enabled.
 * Who changes the word notifies it. Any context in which waiting cannot keep the other side from going on.
 *
 * @throws KernelPanic or MachineHalted when the machine stops meanwhile
 */
export function waitWhileWord(k: Cpu, word: number, value: number): void {
  for (;;) {
    poll(k);
    if (Atomics.load(k.i32, word) !== value) return;
    checkRunning(k);
    sleepOnLock(k, word, value);
  }
}
