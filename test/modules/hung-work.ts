import { GFP_KERNEL, type Kernel, TASK_UNINTERRUPTIBLE } from 'gfp';

/** Tasks that hang. `word` is that of a page with what they wait for; `shared` counts those who have come so far. */

interface Args {
  readonly word: number;
  readonly shared: Int32Array;
}

const SECOND = 16;

export function init(k: Kernel): number {
  const word = k.wordAt(k.get_zeroed_page(GFP_KERNEL));
  for (const mutex of [word, word + SECOND]) k.mutex_init(mutex);
  k.init_MUTEX_LOCKED(word + 32);
  k.init_completion(word + 48);
  k.init_waitqueue_head(word + 64);
  return word;
}

/** Has the mutex until a signal comes. */
export function holds(k: Kernel, { word, shared }: Args): void {
  k.mutex_lock(word);
  Atomics.add(shared, 0, 1);
  k.msleep_interruptible(1e6);
  k.mutex_unlock(word);
}

/** Ends with the mutex. */
export function forgetsMutex(k: Kernel, { word, shared }: Args): void {
  k.mutex_lock(word);
  Atomics.add(shared, 0, 1);
}

export function wantsMutex(k: Kernel, { word, shared }: Args): void {
  Atomics.add(shared, 0, 1);
  k.mutex_lock(word);
  k.mutex_unlock(word);
}

/** Takes a mutex, then, when the other task has done the same, the other one. */
export function deadlocks(k: Kernel, { word, shared, other }: Args & { readonly other: boolean }): void {
  const [first, second] = other ? [word + SECOND, word] : [word, word + SECOND];
  k.mutex_lock(first);
  Atomics.add(shared, 0, 1);
  while (Atomics.load(shared, 0) < 2) k.yield();
  k.mutex_lock(second);
}

export function wantsSemaphore(k: Kernel, { word }: Args): void {
  k.down(word + 32);
}

export function wantsCompletion(k: Kernel, { word }: Args): void {
  k.wait_for_completion(word + 48);
}

export function waitsForEvent(k: Kernel, { word }: Args): void {
  k.wait_event(word + 64, () => false);
}

export function sleepsLong(k: Kernel): void {
  k.msleep(1e6);
}

export function waitsForNothing(k: Kernel): void {
  k.set_current_state(TASK_UNINTERRUPTIBLE);
  k.schedule();
}
