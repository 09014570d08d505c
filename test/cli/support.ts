import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command. */
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** Longer than any command of the tests takes (milliseconds). */
const LIMIT_MS = 60_000;

/** How a process ended. */
export interface Ended {
  /** null: it had to be killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a JavaScript file in a process of its own, without a terminal. */
export function node(file: string, args: readonly string[] = [], folder?: string): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: LIMIT_MS, maxBuffer: 64 * 1024 ** 2 };
    execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Runs the `gfp` command. */
export function gfp(...args: string[]): Promise<Ended> {
  return node(MAIN, args);
}
