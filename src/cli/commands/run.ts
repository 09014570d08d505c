import type { Command } from 'commander';
import type { Outcome } from '../output.js';

/** Adds `gfp run`. */
export function addRun(_program: Command, _outcome: Outcome): void {
  // being written
}
