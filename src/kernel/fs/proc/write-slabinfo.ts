import type { Cpu } from '../../core/cpu.js';
import { CPU_AREA } from '../../core/cpu-area.js';
import { cpu_online } from '../../core/cpu-mask.js';
import { WaitGivenUp } from '../../core/errors.js';
import { local_irq_save } from '../../core/irqflags.js';
import { KERNEL } from '../../core/kernel-data.js';
import { mutex_is_locked } from '../../sched/mutex.js';
import { firstCache, nextCache } from '../../slab/cache-chain.js';
import { cacheName } from '../../slab/cache-name.js';
import { tuneStopped } from '../../slab/tune.js';
import { EINVAL, ENOMEM, FileError } from '../file-error.js';
import { INT_MAX } from '../sysctl/parse-integers.js';

/** Bytes that are taken at most (MAX_SLABINFO_WRITE). */
const MOST_BYTES = 128;

/** A name up to the first blank, and three integers; what follows them is not looked at. */
const FORMAT = /^([^ ]*) \s*([+-]?\d+)\s+([+-]?\d+)\s+([+-]?\d+)/;

/**
 * Sets the tunables of a cache: `name limit batchcount sharedfactor`. What is in the arrays that go away returns to the
 * slabs. As from 2.6.16 on, whose lists by node this allocator has: numbers that make no sense (a limit or batchcount below 1,
 * a batchcount above the limit, a negative sharedfactor) change nothing, and that is no error; before it was -EINVAL.
 *
 * On the console; all CPUs are stopped.
 *
 * @throws FileError -EINVAL: more than 128 bytes, fewer than three numbers, or no such cache; -ENOMEM
 * @throws WaitGivenUp when a task is just changing caches: it must be done again
 */
export function writeSlabinfo(k: Cpu, path: string, text: string): void {
  const wrong = (reason: string): never => {
    throw new FileError(path, EINVAL, `${reason}; write "name limit batchcount sharedfactor"`);
  };
  if (text.length > MOST_BYTES) wrong(`${text.length} bytes are more than ${MOST_BYTES}`);
  const words = FORMAT.exec(text);
  const [limit, batchcount, shared] = [Number(words?.[2]), Number(words?.[3]), Number(words?.[4])];
  if (words === null || !(Math.max(limit, batchcount, shared) <= INT_MAX))
    return wrong(`"${text.trim()}" is not a name and three integers`);
  if (mutex_is_locked(k, KERNEL.cache_chain_mutex))
    throw new WaitGivenUp('cache_chain_mutex is held for too long');
  const cache = cacheCalled(k, words[1]);
  if (cache === 0) wrong(`there is no cache "${words[1]}"`);
  if (limit < 1 || batchcount < 1 || batchcount > limit || shared < 0) return;
  if (tuneAsOnline(k, cache, limit, batchcount, shared) !== 0)
    throw new FileError(path, ENOMEM, `there is no memory for arrays of ${limit} objects`);
}

function cacheCalled(k: Cpu, name: string): number {
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    if (cacheName(k, cache) === name) return cache;
  }
  return 0;
}

/** The console is no CPU, and has no arrays to allocate from: it does it as one that is stopped. */
function tuneAsOnline(k: Cpu, cache: number, limit: number, batchcount: number, shared: number): number {
  let cpu = 0;
  while (!cpu_online(k, cpu)) cpu++;
  const stopped = k.as(cpu);
  const flags = local_irq_save(stopped);
  const result = tuneStopped(stopped, cache, limit, batchcount, shared);
  // Interrupts that are pending there are not for the console to serve.
  k.i32[stopped.area + CPU_AREA.at.irqs_disabled] = flags;
  return result;
}
