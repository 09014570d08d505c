import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The source of the program, as seen from here: see `sampleTraceFile`, which stands in the package in the same way. */
const SOURCES = ['./kmalloc-bench.c', '../../../src/lab/kmalloc-bench.c'];

/** C compilers that may be there. */
const COMPILERS = ['cc', 'gcc', 'clang'];

const FLAGS = ['-O2', '-std=c11', '-pthread'];

/** The C program, compiled. */
export interface NativeProgram {
  readonly file: string;
  /** Removes it. */
  remove(): Promise<void>;
}

/** There is no C compiler, or it cannot compile the program. */
export class NoCompilerError extends Error {
  override name = 'NoCompilerError';
}

/**
 * Compiles the C program into a folder of its own.
 *
 * @param flags further flags of the compiler
 * @param compilers names of compilers, of which the first one that there is is taken
 * @throws NoCompilerError when that is not possible here
 */
export async function compileNative(
  flags: readonly string[] = [],
  compilers: readonly string[] = COMPILERS,
): Promise<NativeProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'gfp-bench-'));
  const remove = async (): Promise<void> => await rm(folder, { recursive: true, force: true });
  const file = join(folder, 'kmalloc-bench');
  try {
    await compile([...FLAGS, ...flags, '-o', file, sourceFile()], compilers);
    return { file, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function compile(args: readonly string[], compilers: readonly string[]): Promise<void> {
  for (const compiler of compilers) {
    try {
      await run(compiler, args);
      return;
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      if (code === 'ENOENT') continue;
      const [first] = (stderr ?? '').trim().split('\n');
      throw new NoCompilerError(`${compiler} cannot compile the bench: ${first}`);
    }
  }
  throw new NoCompilerError(`there is no C compiler (${compilers.join(', ')})`);
}

function sourceFile(): string {
  const files = SOURCES.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const found = files.find((file) => existsSync(file));
  if (found === undefined) throw new Error('the package is incomplete: kmalloc-bench.c is missing');
  return found;
}
