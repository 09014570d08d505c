import { describe, expect, it } from 'vitest';
import { checkCanary, checkZero, describeCanaryFault, writeCanary } from '../../src/lab/stress-canary.js';
import { formatFault, parseFault } from '../../src/lab/stress-fault.js';
import { reshapeMachine } from '../../src/lab/stress-machine.js';
import { StressRandom } from '../../src/lab/stress-random.js';
import { loadHardware } from '../../src/machine/config-load.js';
import { isNotice, panicByKill } from '../../src/lab/stress-reports.js';

describe('the generator', () => {
  const numbers = (seed: number, stream?: number): number[] => {
    const random = new StressRandom(seed, stream);
    return Array.from({ length: 100 }, () => random.next());
  };

  it('gives the same numbers for the same seed', () => {
    expect(numbers(42, 3)).toEqual(numbers(42, 3));
    expect(numbers(42).slice(0, 4)).toEqual([1951410891, 1344748463, 1560445126, -1370321109]);
  });

  it('gives other numbers for another seed or stream', () => {
    expect(numbers(42, 3)).not.toEqual(numbers(42, 4));
    expect(numbers(42, 3)).not.toEqual(numbers(43, 3));
    expect(new Set(numbers(0)).size).toBe(100);
  });

  it('stays within limits', () => {
    const random = new StressRandom(7);
    const seen = new Set(Array.from({ length: 1000 }, () => random.below(11)));
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(random.oneIn(1)).toBe(true);
  });
});

describe('the canary', () => {
  const WORDS = 4 * 1024;
  const TAG = (5 << 24) | 77;

  it('is there after it was written', () => {
    const i32 = new Int32Array(WORDS);
    writeCanary(i32, 0, 0x1234, 2, TAG);
    expect(checkCanary(i32, 0, 0x1234, 2, TAG)).toBeUndefined();
    expect(checkCanary(i32, 0, 0x1234, 2, TAG + 1)).toBeDefined();
    expect(checkCanary(i32, 0, 0x1235, 2, TAG)).toBeDefined();
  });

  it.each([0, 1, 511, 1022, 1023])('shows that word %i of any page was overwritten', (word) => {
    for (let page = 0; page < 4; page++) {
      const i32 = new Int32Array(WORDS);
      writeCanary(i32, 0, 0x1234, 2, TAG);
      i32[page * 1024 + word] ^= 1;
      expect(checkCanary(i32, 0, 0x1234, 2, TAG)).toMatchObject({ pfn: 0x1234 + page, word });
    }
  });

  it('names the block whose canary is in the page', () => {
    const i32 = new Int32Array(WORDS);
    writeCanary(i32, 0, 0x1234, 0, (3 << 24) | 9);
    const fault = checkCanary(i32, 0, 0x1234, 0, TAG)!;
    expect(describeCanaryFault(fault)).toMatch(
      /^pfn 0x1234 word 0 is .* \(the page says: CPU 3, its block 9\)$/,
    );
  });

  it('tells zeroed pages from others', () => {
    const i32 = new Int32Array(WORDS);
    expect(checkZero(i32, 0, 1, 2)).toBeUndefined();
    i32[3 * 1024 + 700] = 1;
    expect(checkZero(i32, 0, 1, 2)).toMatchObject({ pfn: 4, word: 700, expected: 0, found: 1 });
  });
});

describe('faults in text form', () => {
  it.each(['kill:1@2.5', 'offline:0@1', 'offline:12@0.25+3', 'kill-task:63@0.5'])(
    'reads and writes %s',
    (text) => {
      expect(formatFault(parseFault(text))).toBe(text);
    },
  );

  it('knows the parts', () => {
    expect(parseFault('offline:3@1+0.5')).toEqual({ kind: 'offline', cpu: 3, at: 1, back: 0.5 });
    expect(parseFault('kill:3@1')).toEqual({ kind: 'kill', cpu: 3, at: 1 });
    expect(parseFault('kill-task:3@1')).toEqual({ kind: 'kill-task', task: 3, at: 1 });
  });

  it.each([
    '',
    'kill',
    'kill:1',
    'kill:x@1',
    'kill:1@',
    'kill:-1@2',
    'halt:1@2',
    'offline:1@2+',
    'kill:1@1e3',
  ])('says what would be right instead of %j', (text) => {
    expect(() => parseFault(text)).toThrow(
      `fault '${text}': must be kill:CPU@SECONDS or offline:CPU@SECONDS[+SECONDS until it is back] or kill-task:TASK@SECONDS`,
    );
  });

  it('lets killed CPUs come back by themselves', () => {
    expect(() => parseFault('kill:1@2+3')).toThrow('comes back by itself after 1 second; leave out +3');
    expect(() => parseFault('kill-task:1@2+3')).toThrow('a killed task is gone; leave out +3');
  });
});

describe('a machine in another shape', () => {
  it('is left alone when nothing is asked for', () => {
    expect(reshapeMachine('tiny', undefined, undefined)).toEqual({});
  });

  it('spreads CPUs over the nodes that have some', () => {
    const { nodes } = reshapeMachine('memoryless', 7, undefined);
    expect(nodes?.map(({ cpus }) => cpus)).toEqual([3, 4, 0]);
    expect(nodes?.[1].memory).toEqual([]);
    expect(() => reshapeMachine('numa4', 3, undefined)).toThrow('4 nodes with CPUs, each needs one');
  });

  it.each(['tiny', 'x86-1g', 'x86_64-numa2', 'numa4', 'memoryless'])(
    'still has the memory of %s',
    (preset) => {
      const own = loadHardware(preset);
      const { memory, cpuNodes } = loadHardware(preset, reshapeMachine(preset, 9, undefined));
      expect(memory).toEqual(own.memory);
      expect(cpuNodes.length).toBe(9);
    },
  );

  it('divides memory and CPUs among equal nodes', () => {
    const { nodes } = reshapeMachine('x86_64-numa2', 6, 4);
    expect(nodes?.map(({ cpus }) => cpus)).toEqual([1, 2, 1, 2]);
    expect(nodes?.map(({ memory }) => memory)).toEqual(Array(4).fill(128 * 1024 ** 2));
    expect(() => reshapeMachine('tiny', undefined, 5)).toThrow('a node needs 4 MiB');
  });
});

describe('reports', () => {
  const report = (title: string): string => `------------[ cut here ]------------\n${title}\nCPU: 0 ...`;

  it('of a death or a long wait are no failures', () => {
    expect(isNotice(report('CPU#3: its thread died (worker exited), locks held: none'))).toBe(true);
    expect(isNotice(report('BUG: spinlock lockup on CPU#1, lock: zone, owner: CPU#0, 1200 ms'))).toBe(true);
    expect(isNotice(report('task stress/3:12: its thread died (worker exited)'))).toBe(true);
    expect(isNotice(report("Bad page state in process 'swapper/0'"))).toBe(false);
    expect(isNotice(report('kernel BUG: spinlock recursion on CPU#1'))).toBe(false);
  });

  it('of a panic name the kill that has caused it', () => {
    const message =
      'Kernel panic - not syncing: CPU#2: its thread died (worker exited) and held node 0, lock';
    const kills = [
      { victim: 'CPU#1', milliseconds: 4 },
      { victim: 'CPU#2', milliseconds: 5 },
      { victim: 'task stress/3:12', milliseconds: 6 },
    ];
    expect(panicByKill(message, kills)).toEqual(kills[1]);
    expect(panicByKill(message.replace('CPU#2', 'task stress/3:12'), kills)).toEqual(kills[2]);
    expect(panicByKill(message, kills.slice(0, 1))).toBeUndefined();
    expect(panicByKill('Kernel panic - not syncing: out of memory', kills)).toBeUndefined();
  });
});
