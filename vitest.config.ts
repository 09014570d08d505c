import { defineConfig } from 'vitest/config';
import { gfpRace } from './src/race/transform/vite-plugin.js';

export default defineConfig({
  // Scenarios that stand in tests: files named *.race.test.ts.
  plugins: [gfpRace()],
  test: {
    include: ['test/**/*.test.ts'],
    // A test that boots a machine starts many worker threads. A process per test file keeps a crash, a leak or a
    // thread that will not end inside that file; two at a time leave the threads some processor.
    pool: 'forks',
    maxWorkers: 2,
    // Such a test imports the built package by its name ('gfp' resolves to dist) and Node itself must load it:
    // worker threads load the same files, untransformed.
    server: { deps: { external: [/\/dist\/(src|workers|test)\//] } },
    // Hangs end, however slow the computer: the slowest test takes ten seconds on two quiet cores.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    retry: 0,
    reporters: ['dot'],
    silent: 'passed-only',
  },
});
