import type { FailureKind } from '../../engine/failure.js';
import type { MachineScenario, SourcePatch } from '../../scenario.js';
import type { Classic, Mutant } from '../self-check.js';

/** A part of the kernel with a property of it, and changes of the kernel that break the property. */
export type KernelPart = Classic<MachineScenario>;

/** A change of the kernel, and what it may be caught as. */
export interface WrongKernel {
  readonly kinds: readonly FailureKind[];
  readonly patches: readonly SourcePatch[];
}

/** A property of the kernel as it is, and the same of each wrong kernel; keys say in words what is wrong. */
export function kernelPart(right: MachineScenario, wrong: Readonly<Record<string, WrongKernel>>): KernelPart {
  const mutants: Mutant<MachineScenario>[] = [];
  for (const [name, { kinds, patches }] of Object.entries(wrong)) {
    const scenario = {
      ...right,
      name: `${right.name}: ${name}`,
      patches: [...(right.patches ?? []), ...patches],
    };
    mutants.push({ name, scenario, kinds });
  }
  return { right, mutants };
}

/**
 * Lets waiters give up spinning after the first look, so that every schedule reaches the code that sleeps: to the
 * explorer a spinning thread only waits, as a sleeping one does.
 */
export const SLEEP_AT_ONCE: SourcePatch = {
  file: 'kernel/core/lock-word',
  find: 'SPIN_ATTEMPTS = 30',
  replace: 'SPIN_ATTEMPTS = 1',
};

/** A broken lock: the race detector sees it, a value gets lost, or the lock itself notices who releases it. */
export const NOT_EXCLUSIVE: readonly FailureKind[] = ['race', 'assertion', 'unlock-not-owner'];

/** Somebody sleeps whom nobody will wake: waits end after a while by themselves, and then begin again. */
export const NOT_WOKEN: readonly FailureKind[] = ['lost-wakeup', 'deadlock', 'livelock'];

/** What belongs to one CPU is touched by another, or free memory by two at once. */
export const NOT_GUARDED: readonly FailureKind[] = ['race', 'assertion', 'double-free', 'use-after-free'];
