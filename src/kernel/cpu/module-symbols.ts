import { BUG, BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_MODULE_SYMBOLS, MODULE_SYMBOL_BYTES } from '../core/limits.js';
import { rawLock, rawUnlock } from '../core/raw-lock.js';
import { END_OF_KERNEL_SYMBOLS, FIRST_MODULE_SYMBOL } from '../core/symbols.js';

/**
 * Functions of modules, by number: the image holds `name@url` for each, so that any thread can load and call it.
 */

/**
 * The number of a module's exported function, registered on first use. Any context; not on fast paths.
 *
 * @param url the module's `import.meta.url`
 * @param name of the export
 * @throws KernelBug when one of them is no text, both together are too long, or the table is full
 */
export function module_symbol(k: Cpu, url: string, name: string): number {
  if (typeof url !== 'string' || typeof name !== 'string') {
    const given = `${describeValue(url)}, ${describeValue(name)}`;
    BUG(k, `module_symbol(${given}): takes import.meta.url and the name of an export, such as 'work'`);
  }
  const text = `${name}@${url}`;
  BUG_ON(
    k,
    text.length >= MODULE_SYMBOL_BYTES,
    `module symbol longer than ${MODULE_SYMBOL_BYTES} bytes: ${text}`,
  );
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.symbol_lock);
  const index = findOrAdd(k, text);
  rawUnlock(k, KERNEL.symbol_lock);
  local_irq_restore(k, flags);
  BUG_ON(k, index < 0, `more than ${MAX_MODULE_SYMBOLS} module symbols`);
  return FIRST_MODULE_SYMBOL + index;
}

/**
 * What a module symbol stands for.
 *
 * @throws KernelBug when nothing was registered under the number
 */
export function moduleSymbolText(k: Cpu, symbol: number): { name: string; url: string } {
  const index = symbol - FIRST_MODULE_SYMBOL;
  if (!(Number.isInteger(index) && index >= 0 && index < Atomics.load(k.i32, KERNEL.nr_module_symbols)))
    BUG(k, `no function has symbol ${describeValue(symbol)}`);
  const text = k.image.readText(startOf(index), MODULE_SYMBOL_BYTES);
  const at = text.indexOf('@');
  return { name: text.slice(0, at), url: text.slice(at + 1) };
}

function findOrAdd(k: Cpu, text: string): number {
  const count = k.i32[KERNEL.nr_module_symbols];
  for (let i = 0; i < count; i++) if (k.image.readText(startOf(i), MODULE_SYMBOL_BYTES) === text) return i;
  if (count === MAX_MODULE_SYMBOLS) return -1;
  k.image.writeText(startOf(count), MODULE_SYMBOL_BYTES, text);
  Atomics.store(k.i32, KERNEL.nr_module_symbols, count + 1);
  return count;
}

function startOf(index: number): number {
  return KERNEL.module_symbols * 4 + index * MODULE_SYMBOL_BYTES;
}

/**
 * Refuses what is the symbol number of no function.
 *
 * @throws KernelBug when it is none; of a function itself it says how to get the number
 */
export function checkSymbol(k: Cpu, symbol: number): void {
  const given: unknown = symbol;
  if (typeof given === 'function') {
    const name = given.name === '' ? 'name' : given.name;
    BUG(k, `a function was given: give its number, k.module_symbol(import.meta.url, '${name}') of an export`);
  }
  const isKernels = Number.isInteger(symbol) && symbol > 0 && symbol < END_OF_KERNEL_SYMBOLS;
  if (!isKernels) moduleSymbolText(k, symbol);
}
