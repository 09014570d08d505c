import { sectionRanges, type Hardware } from '../../arch/hardware.js';
import { NR_MEM_SECTIONS, SECTION_PAGES, WORDS_PER_SECTION } from '../../arch/page.js';
import { WORD_BYTES } from '../../image/struct.js';
import { DEBUG_PAGE_OWNER, KERNEL } from '../core/kernel-data.js';
import { PAGE_OWNER } from '../mm/page-owner.js';
import { type AuditNode, type AuditRun, NO_MAP } from './audit-run.js';
import type { FirmwareTables } from './audit-firmware.js';

/**
 * Checks the tables by section against the firmware's memory map: where its memory lies in the image, and where its
 * struct pages are, which must be in the memory map of its node.
 */
export function auditSections(run: AuditRun): void {
  const { firmware } = run;
  if (firmware === undefined) return;
  checkSectionMemory(run, firmware);
  for (const range of firmware.ram) {
    let node: AuditNode | undefined;
    for (const candidate of run.nodes) if (candidate.node === range.node) node = candidate;
    if (node === undefined || node.map === NO_MAP) continue;
    const owner = ownerMap(run, node);
    const last = Math.ceil(range.end / SECTION_PAGES);
    for (let section = Math.floor(range.start / SECTION_PAGES); section < last; section++) {
      checkEntry(run, 'section_mem_map', section, node.map);
      checkEntry(run, 'section_owner', section, owner);
    }
  }
}

/** Memory is packed into the image section by section; what is no memory has -1. */
function checkSectionMemory(run: AuditRun, firmware: FirmwareTables): void {
  let section = 0;
  for (const range of sectionRanges(firmware as Pick<Hardware, 'memory'> as Hardware)) {
    for (; section < range.startFrame / SECTION_PAGES; section++)
      checkEntry(run, 'section_memory', section, -1);
    let word = range.imageOffset / WORD_BYTES;
    for (; section < range.endFrame / SECTION_PAGES; section++) {
      checkEntry(run, 'section_memory', section, word);
      word += WORDS_PER_SECTION;
    }
  }
  for (; section < NR_MEM_SECTIONS; section++) checkEntry(run, 'section_memory', section, -1);
}

/** What section_owner of a node should be: 0 without debug.pageOwner, else what most of its sections say. */
function ownerMap(run: AuditRun, node: AuditNode): number {
  if ((run.k.debug & DEBUG_PAGE_OWNER) === 0) return 0;
  const first = run.k.i32[KERNEL.section_owner + Math.floor(node.start / SECTION_PAGES)];
  const last = run.k.i32[KERNEL.section_owner + Math.ceil(node.end / SECTION_PAGES) - 1];
  return isOwnerMap(run, node, first) ? first : last;
}

/** Whether page-owner records of a whole node can be there. */
export function isOwnerMap(run: AuditRun, node: AuditNode, map: number): boolean {
  const start = map + node.start * PAGE_OWNER.words;
  return start > 0 && map + node.end * PAGE_OWNER.words <= run.k.i32.length;
}

type SectionTable = 'section_memory' | 'section_mem_map' | 'section_owner';

function checkEntry(run: AuditRun, table: SectionTable, section: number, expected: number): void {
  const stored = run.k.i32[KERNEL[table] + section];
  if (stored !== expected) run.report({ kind: 'section', field: `${table}[${section}]`, stored, expected });
}
