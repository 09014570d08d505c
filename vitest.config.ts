import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { gfpRace } from './src/race/transform/vite-plugin.js';
import { builtSources } from './test/support/built-sources.js';

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name.replaceAll('\\', '/')}`);

/** What a test names that starts threads or processes: the built package, or a helper that starts them. */
const STARTER =
  /['`](gfp['/]|node:(worker_threads|child_process)|[^'`\n]*\/(dist\/|(hammer|machines)\.js|cli\/support\.js))/;
const starters = files.filter(
  (file) => file.startsWith('test/cli/') || STARTER.test(readFileSync(file, 'utf8')),
);

export default defineConfig({
  plugins: [
    // Scenarios that stand in tests: files named *.race.test.ts.
    gfpRace(),
    builtSources(import.meta.dirname),
  ],
  test: {
    // Two at a time leave the threads of tests some processor.
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        // A test that boots a machine starts many threads. A process per test file keeps a crash, a leak or a thread
        // that will not end inside that file.
        extends: true,
        test: { name: 'threads', include: starters },
      },
      {
        // All others share two processes: a process costs a second, most of it for loading what is loaded already. The
        // state of a simulated machine is in its memory, and each test has its own.
        extends: true,
        test: { name: 'units', include: files.filter((file) => !starters.includes(file)), isolate: false },
      },
    ],
    // Tests import the built package by its name ('gfp' resolves to dist), and Node itself must load it: worker threads
    // load the same files, untransformed.
    server: { deps: { external: [/\/dist\/(src|workers|test)\//] } },
    // Hangs end, however slow the computer: the slowest test takes ten seconds on two quiet cores.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    retry: 0,
    reporters: ['dot'],
    silent: 'passed-only',
  },
});
