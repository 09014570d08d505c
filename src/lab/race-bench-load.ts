import { loadKernel } from '../race/machine/boot-simulated.js';

// A process of its own: prints how many seconds the instrumented kernel takes to load.
const start = performance.now();
await loadKernel([]);
process.stdout.write(String((performance.now() - start) / 1000));
