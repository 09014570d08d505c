import { type FieldType, WORD_BYTES } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import { BUG, BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { ModuleLoadError } from '../core/errors.js';
import { KERNEL, PERCPU_VAR } from '../core/kernel-data.js';
import { MAX_PERCPU_VARS, PERCPU_ENOUGH_ROOM } from '../core/limits.js';
import { printk } from '../core/printk.js';
import { module_symbol, moduleSymbolText } from '../cpu/module-symbols.js';
import { lock_class } from '../sync/lockdep.js';
import { spin_lock_irqsave, SPINLOCK, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { per_cpu, type PerCpu } from './percpu-access.js';
import { giveBlock, initBlocks, takeBlock } from './percpu-blocks.js';

/**
 * Static per-CPU variables. Every possible CPU has an area of {@link PERCPU_ENOUGH_ROOM} bytes on its own node, from boot
 * on; it begins with the kernel's own variables (`CPU_AREA`), and what is left is for modules. A variable lies at the
 * same offset in all areas, and that offset stands for it. Areas are whole cache lines: no two CPUs share one.
 *
 * A JavaScript module has no section that a loader could copy. It defines its variables when it is loaded, or whenever a
 * function of it first needs one, by name: the first call on the machine makes the variable, all further ones, on
 * whatever thread, find it. So the offset is the same for all threads, and all that there is to know is in the image.
 */

/** Words of a CPU's area. */
export const PERCPU_WORDS = PERCPU_ENOUGH_ROOM / WORD_BYTES;

/** Words of the division of the area. */
export const PERCPU_BLOCKS_ROOM = 2 * MAX_PERCPU_VARS + 4;

/** `percpu_var.exported`. */
const PERCPU_EXPORTED = 1;
const PERCPU_EXPORTED_GPL = 2;

const PREFIX = 'per_cpu__';
const ENOENT = 2;
const ENOEXEC = 8;
const ENOMEM = 12;

/** The areas exist: the kernel's own variables are in use, the rest is free. Boot CPU, once. */
export function percpu_init(k: Cpu): void {
  k.i32[KERNEL.percpu_lock + SPINLOCK.at.lock_class] = lock_class(k, 'percpu_lock');
  initBlocks(k.i32, KERNEL.percpu_blocks, PERCPU_WORDS);
  takeBlock(k.i32, KERNEL.percpu_blocks, PERCPU_BLOCKS_ROOM, CPU_AREA.words, 1);
  printk(k, `PERCPU: Allocating ${PERCPU_ENOUGH_ROOM} bytes of per cpu data`);
}

/**
 * Defines a per-CPU variable, or finds it: whoever defines it again gets the same. Any context; not on fast paths.
 *
 * @param type `int`, `unsigned`, `long`, an array or a struct
 * @param name in its module, as in C; the symbol is `per_cpu__NAME`
 * @param module the `import.meta.url` of the module; empty for the kernel
 * @param init the words of each copy; what is missing is 0
 * @returns what `get_cpu_var` and `per_cpu` take
 * @throws ModuleLoadError (-ENOMEM) when the room for modules is used up; KernelBug when it exists with another size
 */
export function DEFINE_PER_CPU(
  k: Cpu,
  type: FieldType,
  name: string,
  module = '',
  init: readonly number[] = [],
): PerCpu {
  BUG_ON(k, !(type.words > 0), `per-CPU variable ${name} of ${type.words} words`);
  const symbol = module_symbol(k, module, PREFIX + name);
  const flags = spin_lock_irqsave(k, KERNEL.percpu_lock);
  let found = findSymbol(k, symbol);
  if (found === 0) found = addVariable(k, symbol, type, init);
  const words = found === 0 ? 0 : k.i32[found + PERCPU_VAR.at.words];
  const offset = found === 0 ? 0 : k.i32[found + PERCPU_VAR.at.offset];
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, flags);
  if (found === 0) return loadFails(k, `Could not allocate ${type.words * WORD_BYTES} bytes percpu data`);
  if (words !== type.words) BUG(k, `${PREFIX}${name} has ${words} words, not ${type.words}`);
  return offset;
}

/**
 * A variable that another module, or the kernel, defines and exports. Any context; not on fast paths.
 *
 * @param license of the calling module: what was exported for GPL modules only is there for those
 * @throws ModuleLoadError (-ENOENT) when nobody exports such a variable; KernelBug when it has another size
 */
export function DECLARE_PER_CPU(k: Cpu, type: FieldType, name: string, license = 'GPL'): PerCpu {
  const flags = spin_lock_irqsave(k, KERNEL.percpu_lock);
  const found = findExported(k, name);
  const exported = found === 0 ? 0 : k.i32[found + PERCPU_VAR.at.exported];
  const words = found === 0 ? 0 : k.i32[found + PERCPU_VAR.at.words];
  const offset = found === 0 ? 0 : k.i32[found + PERCPU_VAR.at.offset];
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, flags);
  const visible = exported === PERCPU_EXPORTED || (exported === PERCPU_EXPORTED_GPL && isGpl(license));
  if (!visible) throw unknownSymbol(k, name);
  if (words !== type.words) BUG(k, `${PREFIX}${name} has ${words} words, not ${type.words}`);
  return offset;
}

/** Lets all modules use a variable. Any context; not on fast paths. */
export function EXPORT_PER_CPU_SYMBOL(k: Cpu, variable: PerCpu): void {
  exportVariable(k, variable, PERCPU_EXPORTED);
}

/** Lets modules use a variable that are under the GPL. */
export function EXPORT_PER_CPU_SYMBOL_GPL(k: Cpu, variable: PerCpu): void {
  exportVariable(k, variable, PERCPU_EXPORTED_GPL);
}

/** Frees all variables of a module that is unloaded: nobody may use them any more. Any context. */
export function percpu_modfree(k: Cpu, module: string): void {
  const { i32 } = k;
  const flags = spin_lock_irqsave(k, KERNEL.percpu_lock);
  for (let i = i32[KERNEL.nr_percpu_vars] - 1; i >= 0; i--) {
    const entry = entryAt(i);
    if (moduleSymbolText(k, i32[entry + PERCPU_VAR.at.symbol]).url !== module) continue;
    giveBlock(i32, KERNEL.percpu_blocks, i32[entry + PERCPU_VAR.at.offset]);
    const last = i32[KERNEL.nr_percpu_vars] - 1;
    i32.copyWithin(entry, entryAt(last), entryAt(last) + PERCPU_VAR.words);
    i32[KERNEL.nr_percpu_vars] = last;
  }
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, flags);
}

/**
 * The name of the variable at an offset of the areas, with the word of it: `per_cpu__hits[2]`; undefined where there is
 * none. Any thread. Takes no lock, because reports want names: a name may be wrong while variables come and go.
 */
export function percpuName(k: Cpu, offset: number): string | undefined {
  const count = readOnce(k, KERNEL.nr_percpu_vars);
  for (let i = 0; i < count; i++) {
    const entry = entryAt(i);
    const word = offset - readOnce(k, entry + PERCPU_VAR.at.offset);
    const words = readOnce(k, entry + PERCPU_VAR.at.words);
    if (word < 0 || word >= words) continue;
    const { name } = moduleSymbolText(k, readOnce(k, entry + PERCPU_VAR.at.symbol));
    return words === 1 ? name : `${name}[${word}]`;
  }
  return undefined;
}

/** Makes a variable, with all its copies; its entry, or 0 when there is no room. Under percpu_lock. */
function addVariable(k: Cpu, symbol: number, type: FieldType, init: readonly number[]): number {
  const { i32 } = k;
  const count = i32[KERNEL.nr_percpu_vars];
  if (count === MAX_PERCPU_VARS) return 0;
  const offset = takeBlock(i32, KERNEL.percpu_blocks, PERCPU_BLOCKS_ROOM, type.words, type.align);
  if (offset < 0) return 0;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    const copy = per_cpu(k, offset, cpu);
    i32.fill(0, copy, copy + type.words);
    for (let i = 0; i < init.length && i < type.words; i++) i32[copy + i] = init[i];
  }
  const entry = entryAt(count);
  i32[entry + PERCPU_VAR.at.symbol] = symbol;
  i32[entry + PERCPU_VAR.at.offset] = offset;
  i32[entry + PERCPU_VAR.at.words] = type.words;
  i32[entry + PERCPU_VAR.at.exported] = 0;
  i32[KERNEL.nr_percpu_vars] = count + 1;
  return entry;
}

function exportVariable(k: Cpu, variable: PerCpu, how: number): void {
  const flags = spin_lock_irqsave(k, KERNEL.percpu_lock);
  const entry = findOffset(k, variable);
  const name = entry === 0 ? '' : nameOfEntry(k, entry);
  const other = entry === 0 ? 0 : findExported(k, name);
  const taken = other !== 0 && other !== entry;
  if (entry !== 0 && !taken) k.i32[entry + PERCPU_VAR.at.exported] = how;
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, flags);
  if (entry === 0) BUG(k, `EXPORT_PER_CPU_SYMBOL: ${variable} is no static per-CPU variable`);
  if (taken) throw logged(k, `exports duplicate symbol ${PREFIX}${name}`, ENOEXEC);
}

/** The entry with a symbol, or 0. Under percpu_lock. */
function findSymbol(k: Cpu, symbol: number): number {
  const count = k.i32[KERNEL.nr_percpu_vars];
  for (let i = 0; i < count; i++) if (k.i32[entryAt(i) + PERCPU_VAR.at.symbol] === symbol) return entryAt(i);
  return 0;
}

/** The entry of the variable that begins at an offset, or 0. Under percpu_lock. */
function findOffset(k: Cpu, offset: number): number {
  const count = k.i32[KERNEL.nr_percpu_vars];
  for (let i = 0; i < count; i++) if (k.i32[entryAt(i) + PERCPU_VAR.at.offset] === offset) return entryAt(i);
  return 0;
}

/** The entry of the exported variable with a name, or 0. Under percpu_lock. */
function findExported(k: Cpu, name: string): number {
  const count = k.i32[KERNEL.nr_percpu_vars];
  for (let i = 0; i < count; i++) {
    const entry = entryAt(i);
    if (k.i32[entry + PERCPU_VAR.at.exported] !== 0 && nameOfEntry(k, entry) === name) return entry;
  }
  return 0;
}

function nameOfEntry(k: Cpu, entry: number): string {
  return moduleSymbolText(k, k.i32[entry + PERCPU_VAR.at.symbol]).name.slice(PREFIX.length);
}

function entryAt(i: number): number {
  return KERNEL.percpu_vars + i * PERCPU_VAR.words;
}

/** What the kernel takes for a licence that is compatible with its own. */
function isGpl(license: string): boolean {
  return license === 'Dual BSD/GPL' || license === 'Dual MIT/GPL' || license.startsWith('GPL');
}

function unknownSymbol(k: Cpu, name: string): ModuleLoadError {
  return logged(k, `Unknown symbol ${PREFIX}${name}`, ENOENT);
}

function loadFails(k: Cpu, message: string): never {
  throw logged(k, message, ENOMEM);
}

/** Why a module cannot be loaded, also for the kernel log. */
function logged(k: Cpu, message: string, errno: number): ModuleLoadError {
  printk(k, message);
  return new ModuleLoadError(message, -errno);
}
