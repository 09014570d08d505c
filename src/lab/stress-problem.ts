import { CpuError, MachinePanicError } from '../machine/machine-errors.js';

/** How something that a run has started failed. */
export interface StressProblem {
  readonly kind: 'canary' | 'block' | 'exception' | 'panic';
  /** -1 when it is no single CPU's. */
  readonly cpu: number;
  readonly message: string;
  readonly report?: string;
}

/** What an error says that something ended with: a function on a CPU, a task, a fault. */
export function problemOf(cpu: number, error: unknown): StressProblem {
  if (error instanceof MachinePanicError)
    return { kind: 'panic', cpu, message: error.message, report: error.report };
  const message = messageOf(error);
  if (!(error instanceof CpuError)) return { kind: 'exception', cpu, message };
  if (error.thrown === 'StressFailure') {
    return { kind: message.includes('canary broken') ? 'canary' : 'block', cpu, message };
  }
  return { kind: 'exception', cpu, message, report: error.report ?? error.stack ?? message };
}

/** An error in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
