import { readByteOnce } from './access-once.js';
import type { Cpu } from './cpu.js';
import { local_irq_restore, local_irq_save } from './irqflags.js';
import { KERNEL } from './kernel-data.js';
import { LOG_BUF_BYTES } from './limits.js';
import { lockOwner, rawLock, rawUnlock } from './raw-lock.js';

/** printk_ratelimit: this many messages in a burst, then one per interval (facts file, section 1.14). */
const RATELIMIT_BURST = 10;
const RATELIMIT_INTERVAL_MS = 5000;

const LOG_START = KERNEL.log_buf * 4;

/**
 * Writes text into the kernel log, a time stamp before every line. Any context; does not sleep.
 *
 * @param text one or more lines; a missing newline at the end is added
 */
export function printk(k: Cpu, text: string): void {
  // A report from inside printk itself must not wait for the lock that it holds.
  if (lockOwner(k, KERNEL.logbuf_lock) === k.cpu) return;
  const stamp = timeStamp(k.platform.now());
  const encoded = new TextEncoder().encode(
    `${stamp}${text.replace(/\n$/, '').replaceAll('\n', `\n${stamp}`)}\n`,
  );
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.logbuf_lock);
  append(k, encoded);
  rawUnlock(k, KERNEL.logbuf_lock);
  local_irq_restore(k, flags);
}

/** Copies the bytes into the ring. Under logbuf_lock. */
function append(k: Cpu, text: Uint8Array): void {
  const { i32, u8 } = k;
  let end = i32[KERNEL.log_end] >>> 0;
  for (const byte of text) {
    u8[LOG_START + (end % LOG_BUF_BYTES)] = byte;
    end++;
  }
  Atomics.store(i32, KERNEL.log_end, end);
}

/**
 * The kernel log: all lines that the ring still holds. Any thread. Takes no lock, which a dead CPU may have: if the ring
 * turns over meanwhile, the oldest lines are mixed with the newest, a deliberate race.
 */
export function readLog(k: Cpu): string {
  const end = Atomics.load(k.i32, KERNEL.log_end) >>> 0;
  const start = Math.max(0, end - LOG_BUF_BYTES);
  const text = new Uint8Array(end - start);
  for (let i = start; i < end; i++) text[i - start] = readByteOnce(k, LOG_START + (i % LOG_BUF_BYTES));
  const log = new TextDecoder().decode(text);
  // When the ring has turned over, its oldest line is cut.
  return start === 0 ? log : log.slice(log.indexOf('\n') + 1);
}

/**
 * Whether a message that could come in floods may be printed now: ten in a burst, then one every five seconds.
 * Any context.
 */
export function printk_ratelimit(k: Cpu): boolean {
  const { i32 } = k;
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.logbuf_lock);
  const now = Math.floor(k.platform.now());
  const full = RATELIMIT_BURST * RATELIMIT_INTERVAL_MS;
  // Tokens are stored as what is missing from a full bucket, so that zeroed memory means full.
  const missing = Math.max(0, i32[KERNEL.ratelimit_used] - (now - i32[KERNEL.ratelimit_last]));
  const allowed = missing + RATELIMIT_INTERVAL_MS <= full;
  const missed = i32[KERNEL.ratelimit_missed];
  i32[KERNEL.ratelimit_last] = now;
  i32[KERNEL.ratelimit_used] = allowed ? missing + RATELIMIT_INTERVAL_MS : missing;
  i32[KERNEL.ratelimit_missed] = allowed ? 0 : missed + 1;
  rawUnlock(k, KERNEL.logbuf_lock);
  local_irq_restore(k, flags);
  if (allowed && missed > 0) printk(k, `printk: ${missed} messages suppressed.`);
  return allowed;
}

/** `[    1.234567] `, as CONFIG_PRINTK_TIME prints it. */
function timeStamp(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const micros = Math.floor((milliseconds - seconds * 1000) * 1000);
  return `[${String(seconds).padStart(5)}.${String(micros).padStart(6, '0')}] `;
}
