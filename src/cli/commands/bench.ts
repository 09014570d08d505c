import type { Command } from 'commander';
import type { Outcome } from '../output.js';

/** Adds `gfp bench`. */
export function addBench(_program: Command, _outcome: Outcome): void {
  // being written
}
