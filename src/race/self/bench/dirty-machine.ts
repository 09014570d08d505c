import type { Kernel } from '../../../kernel/kernel.js';
import { scenario } from '../../scenario.js';

/** Words that an execution changes. */
export const DIRTY_WORDS = 100;
/** In the first page of RAM, which belongs to the BIOS: the kernel never hands it out. */
const FIRST_WORD = 64;

function dirty(k: Kernel): void {
  for (let word = FIRST_WORD; word < FIRST_WORD + DIRTY_WORDS; word++) k.i32[word] = word;
}

/** A machine of 16 MiB of which few words change in an execution. */
export default scenario({ name: 'dirty machine', machine: 'tiny', threads: [dirty] });
