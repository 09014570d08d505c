import { randomInt } from 'node:crypto';
import { closeSync, fstatSync, futimesSync, openSync, unlinkSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

/**
 * How other threads see that a thread lives, also while their own event loop stands still: it keeps a file open that is its
 * alone. Node closes the file descriptors of a worker once the worker's code has stopped for good (`trackUnmanagedFds`,
 * its default), and descriptors are those of the whole process: so everybody can ask whether this one is still that file.
 */
export interface Presence {
  readonly fd: number;
  /** What the file is; {@link isGone} compares it. `file` is 0 if it is not the thread's alone. */
  readonly device: number;
  readonly file: number;
  /** Its time of change, which is chance: the next file may get the number of one that is gone. */
  readonly stamp: number;
}

/** Seconds. */
const LAST_STAMP = 2 ** 31;

/** Makes the calling thread's presence known. The file has no name any more when this returns. */
export function showPresence(): Presence {
  const path = join(tmpdir(), `gfp-heap-${process.pid}-${threadId}-${process.hrtime.bigint()}`);
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } catch {
    // No place for a file. A descriptor that is open is a sign of life, too; but it may have become that of something else.
    return { fd: openSync(devNull, 'r'), device: 0, file: 0, stamp: 0 };
  }
  try {
    unlinkSync(path);
  } catch {
    // A system where open files keep their names.
  }
  const stamp = randomInt(1, LAST_STAMP);
  futimesSync(fd, stamp, stamp);
  return { fd, ...identity(fd) };
}

/** Ends the presence of the calling thread. */
export function endPresence({ fd }: Presence): void {
  closeSync(fd);
}

/** Whether the thread with this presence has ended. False also where it cannot be found out. */
export function isGone({ fd, device, file, stamp }: Presence): boolean {
  try {
    const now = identity(fd);
    return file !== 0 && (now.device !== device || now.file !== file || now.stamp !== stamp);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBADF';
  }
}

function identity(fd: number): { device: number; file: number; stamp: number } {
  const { dev, ino, mtimeMs } = fstatSync(fd, { bigint: true });
  return { device: exact(dev), file: exact(ino), stamp: Number(mtimeMs) };
}

/** As a number that a double holds. */
function exact(value: bigint): number {
  return Number(BigInt.asUintN(52, value));
}
