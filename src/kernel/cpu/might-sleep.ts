import { readOnce } from '../core/access-once.js';
import { WARN } from '../core/bug.js';
import { callSite } from '../core/call-trace.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { irqs_disabled } from '../core/irqflags.js';
import { KERNEL, SYSTEM_RUNNING } from '../core/kernel-data.js';
import { in_atomic } from '../core/preempt.js';

/** Reports come at most once in this many milliseconds on a CPU. */
const REPORT_INTERVAL_MS = 1000;

/**
 * Says that the caller may sleep: reports when it must not, because it is in an interrupt, holds a spinlock, or has
 * preemption or interrupts disabled (facts file, section 10). Only with `debug.sleep`.
 */
export function might_sleep(k: Cpu): void {
  const { i32, area } = k;
  if (!in_atomic(k) && !irqs_disabled(k)) return;
  if (readOnce(k, KERNEL.system_state) !== SYSTEM_RUNNING) return;
  const now = Math.floor(k.platform.now());
  // The time of the last report plus 1, so that 0 means never.
  const last = i32[area + CPU_AREA.at.last_sleep_report] - 1;
  if (last >= 0 && now - last < REPORT_INTERVAL_MS) return;
  i32[area + CPU_AREA.at.last_sleep_report] = now + 1;
  const atomic = in_atomic(k) ? 1 : 0;
  const disabled = irqs_disabled(k) ? 1 : 0;
  WARN(
    k,
    `BUG: sleeping function called from invalid context at ${callSite(1)}\n` +
      `in_atomic():${atomic}, irqs_disabled():${disabled}`,
  );
}
