import { type Kernel } from '../kernel/kernel.js';
import { type ProgramResult, type ReplayTask, runProgram } from './run-program.js';

/** What each CPU of a machine runs for a batch. The host calls it by this module's URL. */
export function replayBatch(k: Kernel, task: ReplayTask): ProgramResult {
  return runProgram(k, task);
}
