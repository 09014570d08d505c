import * as completions from '../sched/completion.js';
import * as mutexes from '../sched/mutex.js';
import * as semaphores from '../sched/semaphore.js';
import * as timeouts from '../sched/timeout.js';
import * as events from '../sched/wait-event.js';
import type { WaitCondition } from '../sched/wait-event.js';
import * as queues from '../sched/wait-queue.js';
import { PercpuFace } from './percpu-face.js';

/**
 * What tasks sleep on. A wait queue, completion, mutex or semaphore is a word index of the image, for example in a page, with
 * as many words as its struct has; an entry of a wait queue is what DEFINE_WAIT returns.
 */
export abstract class SleepFace extends PercpuFace {
  init_waitqueue_head(q: number): void {
    queues.init_waitqueue_head(this, q);
  }

  DEFINE_WAIT(): number {
    return queues.DEFINE_WAIT(this);
  }

  DECLARE_WAITQUEUE(): number {
    return queues.DECLARE_WAITQUEUE(this);
  }

  add_wait_queue(q: number, wait: number): void {
    queues.add_wait_queue(this, q, wait);
  }

  add_wait_queue_exclusive(q: number, wait: number): void {
    queues.add_wait_queue_exclusive(this, q, wait);
  }

  remove_wait_queue(q: number, wait: number): void {
    queues.remove_wait_queue(this, q, wait);
  }

  prepare_to_wait(q: number, wait: number, state: number): void {
    queues.prepare_to_wait(this, q, wait, state);
  }

  prepare_to_wait_exclusive(q: number, wait: number, state: number): void {
    queues.prepare_to_wait_exclusive(this, q, wait, state);
  }

  finish_wait(q: number, wait: number): void {
    queues.finish_wait(this, q, wait);
  }

  abort_exclusive_wait(q: number, wait: number): void {
    queues.abort_exclusive_wait(this, q, wait);
  }

  waitqueue_active(q: number): boolean {
    return queues.waitqueue_active(this, q);
  }

  wake_up(q: number): void {
    queues.wake_up(this, q);
  }

  wake_up_nr(q: number, nr: number): void {
    queues.wake_up_nr(this, q, nr);
  }

  wake_up_all(q: number): void {
    queues.wake_up_all(this, q);
  }

  wake_up_interruptible(q: number): void {
    queues.wake_up_interruptible(this, q);
  }

  wake_up_interruptible_nr(q: number, nr: number): void {
    queues.wake_up_interruptible_nr(this, q, nr);
  }

  wake_up_interruptible_all(q: number): void {
    queues.wake_up_interruptible_all(this, q);
  }

  wait_event(q: number, condition: WaitCondition): void {
    events.wait_event(this, q, condition);
  }

  wait_event_timeout(q: number, condition: WaitCondition, timeout: number): number {
    return events.wait_event_timeout(this, q, condition, timeout);
  }

  wait_event_interruptible(q: number, condition: WaitCondition): number {
    return events.wait_event_interruptible(this, q, condition);
  }

  wait_event_interruptible_timeout(q: number, condition: WaitCondition, timeout: number): number {
    return events.wait_event_interruptible_timeout(this, q, condition, timeout);
  }

  wait_event_interruptible_exclusive(q: number, condition: WaitCondition): number {
    return events.wait_event_interruptible_exclusive(this, q, condition);
  }

  init_completion(x: number): void {
    completions.init_completion(this, x);
  }

  INIT_COMPLETION(x: number): void {
    completions.INIT_COMPLETION(this, x);
  }

  wait_for_completion(x: number): void {
    completions.wait_for_completion(this, x);
  }

  wait_for_completion_timeout(x: number, timeout: number): number {
    return completions.wait_for_completion_timeout(this, x, timeout);
  }

  wait_for_completion_interruptible(x: number): number {
    return completions.wait_for_completion_interruptible(this, x);
  }

  wait_for_completion_interruptible_timeout(x: number, timeout: number): number {
    return completions.wait_for_completion_interruptible_timeout(this, x, timeout);
  }

  try_wait_for_completion(x: number): boolean {
    return completions.try_wait_for_completion(this, x);
  }

  completion_done(x: number): boolean {
    return completions.completion_done(this, x);
  }

  complete(x: number): void {
    completions.complete(this, x);
  }

  complete_all(x: number): void {
    completions.complete_all(this, x);
  }

  mutex_init(mutex: number): void {
    mutexes.mutex_init(this, mutex);
  }

  mutex_lock(mutex: number): void {
    mutexes.mutex_lock(this, mutex);
  }

  mutex_lock_interruptible(mutex: number): number {
    return mutexes.mutex_lock_interruptible(this, mutex);
  }

  mutex_trylock(mutex: number): boolean {
    return mutexes.mutex_trylock(this, mutex);
  }

  mutex_unlock(mutex: number): void {
    mutexes.mutex_unlock(this, mutex);
  }

  mutex_is_locked(mutex: number): boolean {
    return mutexes.mutex_is_locked(this, mutex);
  }

  sema_init(sem: number, count: number): void {
    semaphores.sema_init(this, sem, count);
  }

  init_MUTEX(sem: number): void {
    semaphores.init_MUTEX(this, sem);
  }

  init_MUTEX_LOCKED(sem: number): void {
    semaphores.init_MUTEX_LOCKED(this, sem);
  }

  down(sem: number): void {
    semaphores.down(this, sem);
  }

  down_interruptible(sem: number): number {
    return semaphores.down_interruptible(this, sem);
  }

  down_timeout(sem: number, timeout: number): number {
    return semaphores.down_timeout(this, sem, timeout);
  }

  down_trylock(sem: number): number {
    return semaphores.down_trylock(this, sem);
  }

  up(sem: number): void {
    semaphores.up(this, sem);
  }

  schedule_timeout(timeout: number): number {
    return timeouts.schedule_timeout(this, timeout);
  }

  schedule_timeout_interruptible(timeout: number): number {
    return timeouts.schedule_timeout_interruptible(this, timeout);
  }

  schedule_timeout_uninterruptible(timeout: number): number {
    return timeouts.schedule_timeout_uninterruptible(this, timeout);
  }

  msleep(milliseconds: number): void {
    timeouts.msleep(this, milliseconds);
  }

  msleep_interruptible(milliseconds: number): number {
    return timeouts.msleep_interruptible(this, milliseconds);
  }

  ssleep(seconds: number): void {
    timeouts.ssleep(this, seconds);
  }
}
