import { set_task_state, wake_up_process } from '../cpu/wake.js';
import * as tasks from '../core/tasks.js';
import * as sched from '../cpu/schedule.js';
import { set_cpus_allowed } from '../sched/affinity.js';
import { do_exit } from '../sched/exit.js';
import * as threads from '../sched/kthread.js';
import * as signal from '../sched/signal.js';
import * as slots from '../sched/task-slots.js';
import { SleepFace } from './sleep-face.js';

/**
 * Tasks and the scheduler. A task is the word index of its task_struct; what a kernel thread runs is a symbol number
 * (`module_symbol`).
 */
export abstract class TaskFace extends SleepFace {
  /** The running task; in an interrupt, the one that it interrupted. */
  current(): number {
    return tasks.current(this);
  }

  task_pid(task: number): number {
    return tasks.task_pid(this, task);
  }

  task_comm(task: number): string {
    return tasks.task_comm(this, task);
  }

  task_cpu(task: number): number {
    return tasks.task_cpu(this, task);
  }

  find_task_by_pid(pid: number): number {
    return slots.find_task_by_pid(this, pid);
  }

  get_task_struct(task: number): void {
    slots.get_task_struct(this, task);
  }

  put_task_struct(task: number): void {
    slots.put_task_struct(this, task);
  }

  schedule(): void {
    sched.schedule(this);
  }

  cond_resched(): void {
    sched.cond_resched(this);
  }

  yield(): void {
    sched.yield_(this);
  }

  need_resched(): boolean {
    return sched.need_resched(this);
  }

  set_need_resched(): void {
    sched.set_need_resched(this);
  }

  /** Sets the running task's state, before it looks for the last time whether it must sleep. */
  set_current_state(state: number): void {
    set_task_state(this, tasks.current(this), state);
  }

  wake_up_process(task: number): number {
    return wake_up_process(this, task);
  }

  set_cpus_allowed(task: number, cpus: readonly number[]): number {
    return set_cpus_allowed(this, task, cpus);
  }

  kthread_create(func: number, data: number, name: string): number {
    return threads.kthread_create(this, func, data, name);
  }

  kthread_run(func: number, data: number, name: string): number {
    return threads.kthread_run(this, func, data, name);
  }

  kthread_bind(task: number, cpu: number): void {
    threads.kthread_bind(this, task, cpu);
  }

  kthread_should_stop(): boolean {
    return threads.kthread_should_stop(this);
  }

  kthread_stop(task: number): number {
    return threads.kthread_stop(this, task);
  }

  do_exit(code: number): never {
    return do_exit(this, code);
  }

  send_sig(sig: number, task: number): number {
    return signal.send_sig(this, sig, task);
  }

  signal_pending(task = tasks.current(this)): boolean {
    return signal.signal_pending(this, task);
  }

  flush_signals(): void {
    signal.flush_signals(this);
  }
}
