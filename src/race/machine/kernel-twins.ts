import { twinOf } from '../engine/twin.js';

type Twin = (...args: unknown[]) => Generator<undefined, unknown, undefined>;
/** The exports of an instrumented module. */
export type Module = Readonly<Record<string, unknown>>;

/** The instrumented modules in which functions get other twins. */
export interface KernelModules {
  readonly rawLock: Module;
  readonly rwlockWait: Module;
  readonly pageAlloc: Module;
  readonly hotPages: Module;
  readonly simulatedLocks: Module;
}

/** What a scenario wants of the kernel. */
export interface TwinChoices {
  /** The real code of locks, instead of one blocking step each. */
  readonly realLocks: boolean;
  /** Asks whether the page allocation that begins now is to fail. */
  readonly failsNow: () => boolean;
}

/** Whose choices the modules of a kernel follow now. */
const chosen = new WeakMap<Module, TwinChoices>();

/** The twins as the transform made them. */
const reals = new WeakMap<object, Twin>();

/**
 * Makes functions of the kernel mean to the explorer what they are: blocking locks, allocations that can fail. Scenarios share the modules, so each says what it wants before it runs.
 */
export function chooseTwins(modules: KernelModules, choices: TwinChoices): void {
  if (chosen.get(modules.rawLock) === choices) return;
  chosen.set(modules.rawLock, choices);
  if (choices.realLocks) useRealLocks(modules);
  else simplifyLocks(modules);
  failAllocations(modules, choices.failsNow);
}

function useRealLocks({ rawLock, rwlockWait }: KernelModules): void {
  for (const name of ['rawLock', 'rawUnlock', 'rawTryLock']) setTwin(rawLock, name, realTwin(rawLock, name));
  for (const name of ['readLockSlow', 'writeLockSlow']) setTwin(rwlockWait, name, realTwin(rwlockWait, name));
}

function simplifyLocks({ rawLock, rwlockWait, simulatedLocks }: KernelModules): void {
  setTwin(rawLock, 'rawTryLock', twinNamed(simulatedLocks, 'simulatedTryLock'));
  for (const [module, name, simulatedName] of [
    [rawLock, 'rawLock', 'simulatedLock'],
    [rawLock, 'rawUnlock', 'simulatedUnlock'],
    [rwlockWait, 'readLockSlow', 'simulatedReadLockSlow'],
    [rwlockWait, 'writeLockSlow', 'simulatedWriteLockSlow'],
  ] as const) {
    const real = realTwin(module, name);
    const simulated = twinNamed(simulatedLocks, simulatedName);
    setTwin(module, name, function* (...args) {
      // What the simulated lock refuses is a misuse: the real one reports it.
      if ((yield* simulated(...args)) === false) yield* real(...args);
    });
  }
}

function failAllocations({ pageAlloc, hotPages }: KernelModules, failsNow: () => boolean): void {
  for (const [module, name] of [
    [pageAlloc, '__alloc_pages'],
    [hotPages, 'allocHotPage'],
  ] as const) {
    const real = realTwin(module, name);
    setTwin(module, name, function* (...args) {
      return failsNow() ? 0 : yield* real(...args);
    });
  }
}

function setTwin(module: Module, name: string, twin: Twin): void {
  realTwin(module, name);
  (module[name] as { $r: Twin }).$r = twin;
}

/** The twin that the transform gave to a function. */
function realTwin(module: Module, name: string): Twin {
  const f = module[name] as object;
  const real = reals.get(f) ?? twinNamed(module, name);
  reals.set(f, real);
  return real;
}

function twinNamed(module: Module, name: string): Twin {
  const f = module[name];
  const twin = typeof f === 'function' ? twinOf(f) : undefined;
  if (twin === undefined) throw new Error(`the instrumented kernel has no function '${name}' with a twin`);
  return twin as Twin;
}
