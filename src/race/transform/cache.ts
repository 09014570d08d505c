import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { version as acornVersion } from 'acorn';

const memory = new Map<string, string>();
let version: string | undefined;
let writes = 0;

/** What a text is made of, as a key: parts, and the code of the transform itself. */
export function cacheKey(parts: readonly (string | undefined)[]): string {
  version ??= transformVersion();
  return hash(JSON.stringify([version, ...parts]));
}

/** A text from the cache, or made and put there. What makes it may throw: then nothing is kept. */
export function cached(key: string, make: () => string): string {
  const text = memory.get(key) ?? read(key) ?? made(key, make);
  memory.set(key, text);
  return text;
}

function made(key: string, make: () => string): string {
  const text = make();
  write(key, text);
  return text;
}

/** An entry is a hash and the text; one that is broken counts for none. */
function read(key: string): string | undefined {
  try {
    const entry = readFileSync(join(folder(), key), 'utf8');
    const text = entry.slice(HASH_LENGTH);
    return entry.startsWith(hash(text)) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever cannot write works without. */
function write(key: string, text: string): void {
  try {
    mkdirSync(folder(), { recursive: true });
    const whole = join(folder(), key);
    const part = `${whole}.${process.pid}.${threadId}.${writes++}`;
    writeFileSync(part, hash(text) + text);
    renameSync(part, whole);
  } catch {
    // The cache saves time only.
  }
}

const HASH_LENGTH = 64;

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The user's cache folder, where the system has it. */
function folder(): string {
  const { env, platform } = process;
  const home = homedir();
  const base =
    platform === 'win32'
      ? (env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'))
      : platform === 'darwin'
        ? join(home, 'Library', 'Caches')
        : (env.XDG_CACHE_HOME ?? join(home, '.cache'));
  return join(base, 'gfp', 'race');
}

/** Changes with every change of the transform. */
function transformVersion(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const files = readdirSync(here)
    .filter((name) => /(?<!\.d)\.[jt]s$/.test(name))
    .sort();
  return hash([acornVersion, ...files.map((name) => readFileSync(join(here, name), 'utf8'))].join('\n'));
}
