import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../dist/src/cli/command-line.js';

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

/** Runs the `gfp` command, as a user would. */
export function gfp(...args: string[]): Promise<Ended> {
  return node(MAIN, args);
}

/**
 * Does what a `gfp` command line says in this process, which takes no second for Node and the package to load. What only
 * the process shows needs {@link gfp}: that it ends by itself, its exit code, and the output of its threads.
 */
export async function gfpHere(...args: string[]): Promise<Ended> {
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  try {
    const code = await runCommandLine([process.execPath, MAIN, ...args]);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.end();
    stderr.end();
  }
}

/** Keeps what is written to a stream from it, until `end`. */
function capture(stream: NodeJS.WriteStream): { text(): string; end(): void } {
  const write = stream.write.bind(stream);
  let text = '';
  // The package writes texts, and waits for none.
  stream.write = (chunk: unknown): boolean => {
    text += String(chunk);
    return true;
  };
  return {
    text: () => text,
    end: () => {
      stream.write = write;
    },
  };
}
