import type { Command } from 'commander';
import type { Outcome } from '../output.js';

/** Adds `gfp replay`. */
export function addReplay(_program: Command, _outcome: Outcome): void {
  // being written
}
