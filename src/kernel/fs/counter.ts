import { readDoubleOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';

/**
 * Reads an event counter that belongs to another CPU, which may be counting meanwhile: a deliberate race. The files
 * are made of many such reads, so their sums are exact only when all CPUs are quiet.
 *
 * @param word word index of a `double`
 */
export function readCounter(k: Cpu, word: number): number {
  return readDoubleOnce(k, word);
}
