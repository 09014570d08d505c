import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SharedHeap } from '../heap/shared-heap.js';
import type { Contender } from './kmalloc-bench-contender.js';
import { compileNative, NoCompilerError } from './kmalloc-bench-native.js';
import { nativeContender, startNative } from './kmalloc-bench-native-process.js';
import { scriptContender } from './kmalloc-bench-script.js';

/** Allocators that the kernel is compared with where they are installed, and what they are. */
export const KMALLOC_PEERS = {
  glibc: 'malloc of the C library',
  jemalloc: 'preloaded: Debian package libjemalloc2',
  mimalloc: 'preloaded: Debian package libmimalloc2.0',
  tcmalloc: 'preloaded: Debian package libtcmalloc-minimal4',
  '@thi.ng/malloc': 'npm package, in JavaScript, for one thread',
  SharedHeap: 'gfp/heap, the same allocator for the threads of any program',
} as const;

export type KmallocPeer = keyof typeof KMALLOC_PEERS;

export const KMALLOC_PEER_NAMES = Object.keys(KMALLOC_PEERS) as readonly KmallocPeer[];

/** The peer that targets are relative to, and those in JavaScript. */
export const GLIBC: KmallocPeer = 'glibc';
export const THING: KmallocPeer = '@thi.ng/malloc';
export const SHARED_HEAP: KmallocPeer = 'SharedHeap';

/** Libraries of allocators in C, by peer. */
const LIBRARIES: readonly (readonly [KmallocPeer, readonly string[]])[] = [
  ['jemalloc', ['libjemalloc.so.2']],
  ['mimalloc', ['libmimalloc.so.2', 'libmimalloc.so.3']],
  ['tcmalloc', ['libtcmalloc_minimal.so.4']],
];

/** Memory of a heap of this package, and threads that may use it. */
const SHARED_HEAP_BYTES = 256 * 1024 ** 2;
const MAX_SHARED_HEAP_THREADS = 128;

/** Where systems have libraries, besides folders named after the processor. */
const FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib'];
const TRIPLES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};

/** A peer that is not measured. */
export interface AbsentPeer {
  readonly name: KmallocPeer;
  readonly reason: string;
}

/** The peers that there are on this computer. */
export interface Peers {
  readonly contenders: readonly Contender[];
  readonly absent: readonly AbsentPeer[];
  /** Removes what was made for them. */
  close(): Promise<void>;
}

/**
 * Finds the peers, and compiles the C program if one of them needs it.
 *
 * @param names which ones are wanted
 * @param compilers names of C compilers; default: the usual ones
 */
export async function findPeers(
  names: readonly KmallocPeer[],
  compilers?: readonly string[],
): Promise<Peers> {
  const native = names.filter((name) => name !== THING && name !== SHARED_HEAP);
  const found = await findNative(native, compilers);
  const contenders = [...found.contenders];
  const absent = [...found.absent];
  if (names.includes(THING)) {
    const thing = findThing();
    if (typeof thing === 'string') absent.push({ name: THING, reason: thing });
    else contenders.push(thing);
  }
  if (names.includes(SHARED_HEAP)) contenders.push(sharedHeap());
  return { ...found, contenders, absent };
}

/** A heap of this package, in whose memory each row has a new one. */
function sharedHeap(): Contender {
  const module = new URL('./kmalloc-bench-shared.js', import.meta.url).href;
  // Of the threads of a row none is the one that makes the heap.
  const memory = (): SharedArrayBuffer => {
    const heap = SharedHeap.create({ size: SHARED_HEAP_BYTES, threads: MAX_SHARED_HEAP_THREADS + 1 });
    heap.close();
    return heap.buffer;
  };
  return scriptContender({
    name: SHARED_HEAP,
    version: '',
    maxThreads: MAX_SHARED_HEAP_THREADS,
    module,
    memory,
  });
}

async function findNative(names: readonly KmallocPeer[], compilers?: readonly string[]): Promise<Peers> {
  const nothing: Peers = { contenders: [], absent: [], close: async () => {} };
  if (names.length === 0) return nothing;
  try {
    const program = await compileNative([], compilers);
    const contenders: Contender[] = [];
    const absent: AbsentPeer[] = [];
    for (const name of names) {
      const peer = await nativePeer(program.file, name);
      if (typeof peer === 'string') absent.push({ name, reason: peer });
      else contenders.push(peer);
    }
    return { contenders, absent, close: async () => await program.remove() };
  } catch (error) {
    if (!(error instanceof NoCompilerError)) throw error;
    return { ...nothing, absent: names.map((name) => ({ name, reason: error.message })) };
  }
}

/** An allocator in C, tried; or why it cannot be had. */
async function nativePeer(file: string, name: KmallocPeer): Promise<Contender | string> {
  const library = name === GLIBC ? undefined : findLibrary(name);
  if (name !== GLIBC && library === undefined) return `not installed (${KMALLOC_PEERS[name]})`;
  try {
    const { child, libc } = await startNative(file, library, ['pair', '1', '1']);
    await child.close();
    return nativeContender(file, { name, version: library ?? libc, library });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function findLibrary(peer: KmallocPeer): string | undefined {
  const triple = TRIPLES[process.arch];
  const folders = triple === undefined ? FOLDERS : [`/usr/lib/${triple}`, `/lib/${triple}`, ...FOLDERS];
  const names = LIBRARIES.find(([name]) => name === peer)?.[1] ?? [];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
}

/** The package, if it is installed; or that it is not. */
function findThing(): Contender | string {
  let version: string;
  try {
    const main = createRequire(import.meta.url).resolve(THING);
    const about = JSON.parse(readFileSync(join(dirname(main), 'package.json'), 'utf8')) as {
      version: string;
    };
    ({ version } = about);
  } catch {
    return `not installed (npm install ${THING})`;
  }
  const module = new URL('./kmalloc-bench-thing.js', import.meta.url).href;
  return scriptContender({ name: THING, version, maxThreads: 1, module });
}
