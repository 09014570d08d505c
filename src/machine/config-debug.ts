import type { DebugSwitches } from '../arch/hardware.js';
import type { ConfigField } from './config-field.js';

const SWITCHES = ['locks', 'sleep', 'pageOwner', 'vm', 'slab', 'faults'] as const;

const LOCK_HOLD_LIMIT_MS = 1000;
/** About a quarter of an hour. Milliseconds. */
const MAX_LIMIT_MS = 1_000_000;

/** Sleeping in atomic context is a mistake that nobody wants to miss, and looking for it is cheap. */
const DEFAULTS: Required<Pick<DebugSwitches, (typeof SWITCHES)[number]>> & DebugSwitches = {
  locks: false,
  sleep: true,
  pageOwner: false,
  vm: false,
  slab: false,
  faults: false,
  lockHoldLimitMs: LOCK_HOLD_LIMIT_MS,
};

/** Reads the debug switches: a boolean for all of them, or one by one. */
export function readDebug(field: ConfigField): DebugSwitches | null {
  if (!field.isGiven) return DEFAULTS;
  if (typeof field.value === 'boolean') return allSwitches(field.value);
  const fields = field.object(
    [...SWITCHES, 'lockHoldLimitMs', 'softLockupLimitMs', 'hungTaskLimitMs'],
    `{ "locks": true }, or a boolean`,
  );
  if (fields === null) return null;
  const values = SWITCHES.map((name) => (fields[name].isGiven ? fields[name].boolean() : DEFAULTS[name]));
  const { lockHoldLimitMs: limit } = fields;
  const lockHoldLimitMs = limit.isGiven ? limit.integer(1, MAX_LIMIT_MS) : LOCK_HOLD_LIMIT_MS;
  const watches = readWatches(fields);
  if (values.includes(null) || lockHoldLimitMs === null || watches === null) return null;
  const [locks, sleep, pageOwner, vm, slab, faults] = values as boolean[];
  return { locks, sleep, pageOwner, vm, slab, faults, lockHoldLimitMs, ...watches };
}

/** The limits of the watches, if they are given: the kernel knows what they are else. */
function readWatches(
  fields: Record<'softLockupLimitMs' | 'hungTaskLimitMs', ConfigField>,
): Pick<DebugSwitches, 'softLockupLimitMs' | 'hungTaskLimitMs'> | null {
  const limits: { softLockupLimitMs?: number; hungTaskLimitMs?: number } = {};
  let isRight = true;
  for (const name of ['softLockupLimitMs', 'hungTaskLimitMs'] as const) {
    if (!fields[name].isGiven) continue;
    const limit = fields[name].integer(1, MAX_LIMIT_MS);
    if (limit === null) isRight = false;
    else limits[name] = limit;
  }
  return isRight ? limits : null;
}

function allSwitches(on: boolean): DebugSwitches {
  return {
    locks: on,
    sleep: on,
    pageOwner: on,
    vm: on,
    slab: on,
    faults: on,
    lockHoldLimitMs: LOCK_HOLD_LIMIT_MS,
  };
}
