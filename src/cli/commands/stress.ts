import type { Command } from 'commander';
import type { Outcome } from '../output.js';

/** Adds `gfp stress`. */
export function addStress(_program: Command, _outcome: Outcome): void {
  // being written
}
