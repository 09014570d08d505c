import type { MachineConfig } from '../../../machine/config-types.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { SCENARIO_MODULE, scenario, type SourcePatch } from '../../scenario.js';
import { kernelPart, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/** Calls across CPUs of which one does not answer in time. */

const CALLS = 'kernel/cpu/smp-call';
/** How often each function has run: a line each, so that runs of one do not order runs of the other. */
const RUNS = [scratchLine(0), scratchLine(1)] as const;
/** What each function is called with: not the same, so that they cannot be mixed up unnoticed. */
const INFO = [1000, 2000] as const;

/** The caller soon goes on without a CPU. */
const IMPATIENT: MachineConfig = {
  ...oneZone(2),
  debug: { sleep: true, vm: true, softLockupLimitMs: 1 },
};

/** CPUs are late here all the time: that is no failure. */
const NO_WARNINGS: readonly SourcePatch[] = [
  { file: CALLS, find: 'WARN(k, `CPU#${late}', replace: 'void (`CPU#${late}' },
  { file: CALLS, find: 'WARN(k, `CPU#${cpu} is locked up', replace: 'void (`CPU#${cpu} is locked up' },
];

function count(k: Kernel, which: 0 | 1, info: number): void {
  if (info !== INFO[which]) throw new Error(`function ${which} was called with ${info}`);
  Atomics.add(k.i32, RUNS[which], 1);
}

/** Calls a function: it has run on the other CPU once when the call has ended, and never again. */
function call(k: Kernel, which: 0 | 1): void {
  const symbol = k.module_symbol(SCENARIO_MODULE, which === 0 ? 'first' : 'second');
  const result = k.smp_call_function(symbol, INFO[which], true);
  const runs = Atomics.load(k.i32, RUNS[which]);
  if (result === 0 && runs !== 1)
    throw new Error(`call ${which} has ended, and its function ran ${runs} times`);
}

const late = kernelPart(
  scenario({
    name: 'kernel: a call goes on without a CPU that is late, and the next one is not taken for it',
    machine: IMPATIENT,
    // So many pass the limit, while the CPU is at any point of the first call.
    timeouts: 2,
    patches: NO_WARNINGS,
    functions: {
      first: (k, info) => {
        count(k, 0, info);
      },
      second: (k, info) => {
        count(k, 1, info);
      },
    },
    threads: [
      (k) => {
        call(k, 0);
        call(k, 1);
      },
      (k) => k.poll(),
    ],
    final: (k) => {
      for (const runs of RUNS) if (k.i32[runs] > 1) throw new Error('a function ran twice for one call');
    },
  }),
  {
    'the late end of a call counts for the next one': {
      kinds: ['assertion'],
      patches: [
        {
          file: CALLS,
          find: 'Atomics.store(k.i32, area + ENDED, number);',
          replace: 'Atomics.store(k.i32, area + ENDED, readOnce(k, KERNEL.call_number));',
        },
      ],
    },
    'a CPU reads what it is to call when the caller may have gone on': {
      kinds: ['assertion'],
      patches: [
        {
          file: CALLS,
          find: 'number = Atomics.load(i32, area + TODO)',
          replace: 'number = Atomics.exchange(i32, area + TODO, 0)',
        },
        {
          file: CALLS,
          find: 'if (Atomics.compareExchange(i32, area + TODO, number, 0) !== number)',
          replace: 'if (false)',
        },
      ],
    },
    'a CPU begins a call that the caller has gone on without': {
      kinds: ['assertion'],
      patches: [
        {
          file: CALLS,
          find: 'const hasBegun = Atomics.compareExchange(i32, area + TODO, number, 0) !== number;',
          replace: 'const hasBegun = Atomics.load(i32, area + TODO) !== number;',
        },
      ],
    },
  },
);

export const CALL_PARTS: readonly KernelPart[] = [late];
