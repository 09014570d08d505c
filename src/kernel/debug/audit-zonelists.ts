import { MAX_NR_ZONES, ZONE_NAMES } from '../../arch/address-space.js';
import { PAGE_WORDS } from '../../arch/page.js';
import { ZONELIST } from '../mm/zonelist.js';
import { PG_DATA } from '../mm/zone.js';
import type { AuditNode, AuditRun, AuditZone } from './audit-run.js';
import type { ViolationOf } from './audit-violation.js';

/**
 * Checks the zonelists of a node: each has every populated zone that it may use exactly once, nothing else, and an
 * end. Their order is a matter of policy.
 */
export function auditZonelists(run: AuditRun, node: AuditNode): void {
  for (let index = 0; index < 2 * MAX_NR_ZONES; index++) {
    const list = run.k.i32[node.word + PG_DATA.at.node_zonelists + index];
    const words = ZONELIST.at.zones + run.zones.length + 1;
    if (list >= PAGE_WORDS && list + words <= run.k.i32.length) auditZonelist(run, node, index, list);
    else report(run, node, index, 0, 'no list', null, list);
  }
}

function auditZonelist(run: AuditRun, node: AuditNode, index: number, list: number): void {
  const seen = new Set<AuditZone>();
  let position = 0;
  for (; ; position++) {
    const value = run.k.i32[list + ZONELIST.at.zones + position];
    if (value === 0) break;
    if (position >= run.zones.length) {
      report(run, node, index, position, 'not terminated', null, value);
      break;
    }
    const zone = zoneAt(run, value);
    if (zone === undefined) report(run, node, index, position, 'no zone', null, value);
    else if (!belongs(node, index, zone)) report(run, node, index, position, 'does not belong', zone, value);
    else if (seen.has(zone)) report(run, node, index, position, 'repeated', zone, value);
    else seen.add(zone);
  }
  for (const zone of run.zones) {
    const isMissing = belongs(node, index, zone) && !seen.has(zone);
    if (isMissing) report(run, node, index, position, 'missing', zone, zone.word);
  }
}

function zoneAt(run: AuditRun, word: number): AuditZone | undefined {
  for (const zone of run.zones) if (zone.word === word) return zone;
  return undefined;
}

/** Whether a zone has its place in a zonelist: the first ones fall back to all nodes, the others do not. */
function belongs(node: AuditNode, index: number, zone: AuditZone): boolean {
  if (!zone.populated || zone.type > index % MAX_NR_ZONES) return false;
  return index < MAX_NR_ZONES || zone.node === node.node;
}

function report(
  run: AuditRun,
  node: AuditNode,
  index: number,
  position: number,
  problem: ViolationOf<'zonelist'>['problem'],
  zone: AuditZone | null,
  value: number,
): void {
  run.report({
    kind: 'zonelist',
    node: node.node,
    highest: ZONE_NAMES[index % MAX_NR_ZONES],
    thisNode: index >= MAX_NR_ZONES,
    position,
    problem,
    zone: zone === null ? null : { node: zone.node, zone: zone.zone },
    value,
  });
}
