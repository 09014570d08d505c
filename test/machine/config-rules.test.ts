import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/machine/config-error.js';
import { loadHardware } from '../../src/machine/config-load.js';
import type { MachineConfig } from '../../src/machine/config-types.js';

/** The problems of a configuration, as `path: message`. */
function problemsOf(config: unknown): string[] {
  try {
    loadHardware(config as MachineConfig);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const node = { memory: '16M', cpus: 1 };

/** A machine of one node with other fields. */
function withFields(fields: object): object {
  return { nodes: [node], ...fields };
}

/** An x86_64 machine of two nodes, with other fields in the second. */
function withNode(fields: object): object {
  return { nodes: [node, { ...node, ...fields }] };
}

const twoNodes = [node, node];
const size = `a size: bytes, or a text such as '256M'`;
const address = `a physical address such as '0x100000000' or '4G'`;

const wrongTypes: [string, unknown, string[]][] = [
  [
    'no object',
    [],
    [`: must be an object such as { "nodes": [{ "memory": "256M", "cpus": 2 }] }, not a list`],
  ],
  ['no nodes', {}, [`nodes: missing: a list of nodes such as [{ "memory": "256M", "cpus": 2 }]`]],
  [
    'nodes that are no list',
    { nodes: 2 },
    [`nodes: must be a list of nodes such as [{ "memory": "256M", "cpus": 2 }], not 2`],
  ],
  [
    'a node that is no object',
    { nodes: ['256M'] },
    [`nodes[0]: must be an object such as { "memory": "256M", "cpus": 2 }, not '256M'`],
  ],
  [
    'missing fields of a node',
    { nodes: [{}] },
    [
      `nodes[0].memory: missing: a size such as '256M', a list of ranges, or 0`,
      'nodes[0].cpus: missing: a whole number from 0 to 256, or a list of CPU numbers',
    ],
  ],
  [
    'a size that is none',
    withNode({ memory: '256 megs' }),
    [`nodes[1].memory: must be a size such as '256M', a list of ranges, or 0, not '256 megs'`],
  ],
  [
    'a negative size',
    withNode({ memory: -1 }),
    [`nodes[1].memory: must be a size such as '256M', a list of ranges, or 0, not -1`],
  ],
  ['a size that is half a byte', withFields({ movablecore: 0.5 }), [`movablecore: must be ${size}, not 0.5`]],
  [
    'a range that is no object',
    withNode({ memory: [0] }),
    [`nodes[1].memory[0]: must be an object such as { "start": 0, "size": "256M" }, not 0`],
  ],
  [
    'an address that is none',
    withNode({ memory: [{ start: true, size: '4M' }] }),
    [`nodes[1].memory[0].start: must be ${address}, not true`],
  ],
  [
    'a range without an end',
    withNode({ memory: [{ start: '16M' }] }),
    ['nodes[1].memory[0]: must have a size or an end'],
  ],
  [
    'a range with two ends',
    withNode({ memory: [{ start: '16M', size: '4M', end: '20M' }] }),
    ['nodes[1].memory[0]: must have a size or an end, not both'],
  ],
  [
    'a long text',
    withFields({ arch: 'x'.repeat(99) }),
    [`arch: must be 'x86' or 'x86_64', not '${'x'.repeat(40)}...'`],
  ],
  ['null', withFields({ arch: null }), [`arch: must be 'x86' or 'x86_64', not null`]],
  ['a function', withFields({ arch: () => 'x86' }), [`arch: must be 'x86' or 'x86_64', not a function`]],
  [
    'another zonelist order',
    withFields({ numaZonelistOrder: 'n' }),
    [`numaZonelistOrder: must be 'default' or 'node' or 'zone', not 'n'`],
  ],
  ['a slow clock', withFields({ hz: 11 }), ['hz: must be a whole number from 12 to 1000, not 11']],
  ['a clock as text', withFields({ hz: '100' }), [`hz: must be a whole number from 12 to 1000, not '100'`]],
  [
    'debug as text',
    withFields({ debug: 'locks' }),
    [`debug: must be an object such as { "locks": true }, or a boolean, not 'locks'`],
  ],
  ['a debug switch', withFields({ debug: { vm: 1 } }), ['debug.vm: must be true or false, not 1']],
  [
    'a limit of 0',
    withFields({ debug: { lockHoldLimitMs: 0 } }),
    ['debug.lockHoldLimitMs: must be a whole number from 1 to 1000000, not 0'],
  ],
  [
    'limits of watches',
    withFields({ debug: { softLockupLimitMs: 0, hungTaskLimitMs: '2m' } }),
    [
      'debug.softLockupLimitMs: must be a whole number from 1 to 1000000, not 0',
      `debug.hungTaskLimitMs: must be a whole number from 1 to 1000000, not '2m'`,
    ],
  ],
  [
    'boot hooks',
    withFields({
      bootHooks: [
        { module: '', name: 7 },
        { module: './a.js', name: 'init' },
      ],
    }),
    [
      `bootHooks[0].module: must be a module: a URL, a package's name or a path, not ''`,
      'bootHooks[0].name: must be the name of an exported function, not 7',
      `bootHooks[1].module: './a.js' is relative, but to what? ` +
        `Write new URL('./a.js', import.meta.url).href, or an absolute path`,
    ],
  ],
];

const unknownFields: [string, unknown, string[]][] = [
  [
    'of the machine',
    withFields({ zonelimits: {} }),
    [
      `zonelimits: unknown field, nearest is 'zoneLimits' (fields: arch, nodes, distances, holes, zoneLimits, ` +
        'movablecore, numaZonelistOrder, hz, slabProfile, debug, bootHooks)',
    ],
  ],
  [
    'of a node',
    withNode({ cpu: 2 }),
    [`nodes[1].cpu: unknown field, nearest is 'cpus' (fields: memory, cpus)`],
  ],
  [
    'of a range',
    withNode({ memory: [{ start: '16M', size: '4M', lenght: 1 }] }),
    [`nodes[1].memory[0].lenght: unknown field, nearest is 'end' (fields: start, size, end)`],
  ],
  [
    'of the debug switches',
    withFields({ debug: { pageowner: true } }),
    [
      `debug.pageowner: unknown field, nearest is 'pageOwner' (fields: locks, sleep, pageOwner, vm, slab, faults, lockHoldLimitMs, softLockupLimitMs, hungTaskLimitMs)`,
    ],
  ],
];

const memoryRules: [string, unknown, string[]][] = [
  ['no nodes', { nodes: [] }, ['nodes: must have 1 to 64 nodes, not 0']],
  ['65 nodes', { nodes: Array.from({ length: 65 }, () => node) }, ['nodes: must have 1 to 64 nodes, not 65']],
  [
    'a node with nothing',
    { nodes: [node, { memory: '0M', cpus: [] }] },
    ['nodes[1]: has neither memory nor CPUs; give it one of them or leave it out'],
  ],
  [
    'no memory',
    { nodes: [{ memory: [], cpus: 1 }] },
    ['nodes: no node has memory; one needs some, such as "memory": "16M"'],
  ],
  [
    'no memory at 0',
    { nodes: [{ memory: [{ start: '16M', size: '16M' }], cpus: 1 }] },
    ['nodes: no memory starts at physical address 0, where the machine boots; one node must have it'],
  ],
  [
    'too little memory at 0',
    { nodes: [{ memory: '8M', cpus: 1 }] },
    [
      'nodes[0].memory: has 7M of RAM above 1M, too little to boot; the memory at address 0 needs at least 8M there',
    ],
  ],
  [
    'too little memory at 0 after the holes',
    withFields({ holes: [{ start: '4M', end: '12M' }] }),
    [
      'nodes[0].memory: has 7M of RAM above 1M, too little to boot; the memory at address 0 needs at least 8M there',
    ],
  ],
  [
    'a small node',
    withNode({ memory: '2M' }),
    ['nodes[1].memory: has 2M of RAM; a node has at least 4M, or none'],
  ],
  [
    'a small node of ranges',
    withNode({ memory: [{ start: '16M', size: '3M' }] }),
    ['nodes[1].memory: has 3M of RAM; a node has at least 4M, or none'],
  ],
  [
    'a node that is all holes',
    { nodes: twoNodes, holes: [{ start: '17M', end: '32M' }] },
    ['nodes[1].memory: has 1M of RAM after the holes; a node has at least 4M, or none'],
  ],
  [
    'a size that is no multiple of a page',
    withNode({ memory: 10_000_000 }),
    ['nodes[1].memory: must be a multiple of 4K, the page size; 10000000 lies between 9764K and 9768K'],
  ],
  [
    'a node that does not begin with a section',
    withNode({ memory: [{ start: '17M', size: '8M' }] }),
    [
      'nodes[1].memory[0].start: must be a multiple of 4M, for a section of 4M belongs to one node; ' +
        '0x1100000 lies between 0x1000000 and 0x1400000',
    ],
  ],
  [
    'ranges that are no multiples of a page',
    withNode({
      memory: [
        { start: '16M', size: 5e6 },
        { start: '32M', end: '0x2400800' },
      ],
    }),
    [
      'nodes[1].memory[0].size: must be a multiple of 4K, the page size; 5000000 lies between 4880K and 4884K',
      'nodes[1].memory[1].end: must be a multiple of 4K, the page size; 0x2400800 lies between 0x2400000 and 0x2401000',
    ],
  ],
  [
    'empty ranges',
    withNode({
      memory: [
        { start: '16M', size: 0 },
        { start: '32M', end: '32M' },
      ],
    }),
    [
      'nodes[1].memory[0].size: must be above 0',
      'nodes[1].memory[1].end: must be above start, 0x2000000, not 0x2000000',
    ],
  ],
  [
    'an overlap',
    withNode({
      memory: [
        { start: '32M', size: '8M' },
        { start: '12M', size: '8M' },
      ],
    }),
    ['nodes[1].memory[1]: 0xc00000-0x1400000 overlaps nodes[0].memory, 0x0-0x1000000'],
  ],
  [
    'an overlap with a range before the last',
    withNode({
      memory: [
        { start: '16M', size: '32M' },
        { start: '20M', size: '4M' },
        { start: '32M', size: '4M' },
      ],
    }),
    [
      'nodes[1].memory[1]: 0x1400000-0x1800000 overlaps nodes[1].memory[0], 0x1000000-0x3000000',
      'nodes[1].memory[2]: 0x2000000-0x2400000 overlaps nodes[1].memory[0], 0x1000000-0x3000000',
    ],
  ],
  [
    'memory above 16 GiB',
    withNode({ memory: [{ start: '16380M', size: '8M' }] }),
    ['nodes[1].memory[0]: 0x3ffc00000-0x400400000 ends above 0x400000000 (16G), where physical memory ends'],
  ],
  [
    'x86 with memory above 4 GiB',
    { arch: 'x86', nodes: [node, { memory: [{ start: '4G', size: '8M' }], cpus: 1 }] },
    ['nodes[1].memory[0]: 0x100000000-0x100800000 ends above 0x100000000 (4G), where physical memory ends'],
  ],
  [
    'more memory than an image has',
    {
      nodes: [
        { memory: '4G', cpus: 1 },
        { memory: '4M', cpus: 1 },
      ],
    },
    ['nodes: need a memory image of 4100M; a machine has at most 4G'],
  ],
  [
    'more firmware tables than the BIOS area has room for',
    withFields({
      bootHooks: Array.from({ length: 4000 }, () => ({ module: 'a-driver', name: 'driver_init' })),
    }),
    [
      'nodes: need 172427 bytes of firmware tables, more than the 131008 there are; ' +
        'use fewer holes, ranges or boot hooks',
    ],
  ],
];

const holeRules: [string, unknown, string[]][] = [
  [
    'no list',
    withFields({ holes: {} }),
    ['holes: must be a list of ranges such as [{ "start": "64M", "size": "1M" }], not an object'],
  ],
  [
    'no pages',
    withFields({
      holes: [
        { start: 6000000, size: 4096 },
        { start: '8M', size: 1 },
        { start: '8M', end: 8388609 },
      ],
    }),
    [
      'holes[0].start: must be a multiple of 4K, the page size; 0x5b8d80 lies between 0x5b8000 and 0x5b9000',
      'holes[1].size: must be a multiple of 4K, the page size; 1 lies between 0 and 4K',
      'holes[2].end: must be a multiple of 4K, the page size; 0x800001 lies between 0x800000 and 0x801000',
    ],
  ],
  [
    'in the kernel image',
    withFields({ holes: [{ start: '2M', size: '4K' }] }),
    ['holes[0].start: must be 0x400000 (4M) or above, for the kernel image lies below'],
  ],
  [
    'outside memory',
    withFields({ holes: [{ start: '16M', size: '1M' }] }),
    ['holes[0]: is a hole where no memory is; leave it out'],
  ],
];

const cpuRules: [string, unknown, string[]][] = [
  [
    'none',
    { nodes: [{ memory: '16M', cpus: 0 }] },
    ['nodes: no node has a CPU; at least one needs "cpus": 1'],
  ],
  ['257', { nodes: [node, { memory: 0, cpus: 256 }] }, ['nodes: 257 CPUs in all; a machine has at most 256']],
  [
    'half a CPU',
    withNode({ cpus: 0.5 }),
    ['nodes[1].cpus: must be a whole number from 0 to 256, or a list of CPU numbers, not 0.5'],
  ],
  [
    'a number above the last',
    withNode({ cpus: [256, 'one'] }),
    [
      'nodes[1].cpus[0]: must be a whole number from 0 to 255, the number of a CPU, not 256',
      `nodes[1].cpus[1]: must be a whole number from 0 to 255, the number of a CPU, not 'one'`,
    ],
  ],
  [
    'a CPU on two nodes',
    {
      nodes: [
        { memory: '16M', cpus: [0, 1] },
        { memory: 0, cpus: [1] },
      ],
    },
    ['nodes[1].cpus[0]: CPU 1 is on node 0 already; a CPU is listed once'],
  ],
  [
    'a gap',
    {
      nodes: [
        { memory: '16M', cpus: [0, 1] },
        { memory: 0, cpus: [3, 2, 5] },
      ],
    },
    ['nodes[1].cpus[2]: CPU 5 leaves a gap: 5 CPUs are numbered 0 to 4'],
  ],
  [
    'one CPU that is not the first',
    { nodes: [{ memory: '16M', cpus: [1] }] },
    ['nodes[0].cpus[0]: CPU 1 leaves a gap: the only CPU is number 0'],
  ],
];

const distanceRules: [string, unknown, string[]][] = [
  [
    'no list',
    withFields({ distances: 20 }),
    ['distances: must be a list of rows such as [[10, 20], [20, 10]], not 20'],
  ],
  [
    'not square',
    { nodes: twoNodes, distances: [[10, 20], [20], 10] },
    [
      'distances: must have a row for each node: 2, not 3',
      'distances[1]: must have a distance to each node: 2, not 1',
      'distances[2]: must be a row such as [10, 20], not 10',
    ],
  ],
  [
    'out of range',
    {
      nodes: twoNodes,
      distances: [
        [11, 10],
        [255, 20.5],
      ],
    },
    [
      'distances[0][0]: must be 10, the distance of a node to itself, not 11',
      'distances[0][1]: must be a whole number from 11 to 254, the distance to another node, not 10',
      'distances[1][0]: must not be 255, which means unreachable; the farthest is 254',
      'distances[1][1]: must be 10, the distance of a node to itself, not 20.5',
    ],
  ],
];

const zoneRules: [string, unknown, string[]][] = [
  [
    'no object',
    withFields({ zoneLimits: '4M' }),
    [`zoneLimits: must be an object such as { "dma": "4M" }, not '4M'`],
  ],
  [
    'a block in two zones',
    withFields({ zoneLimits: { dma: '6M' } }),
    ['zoneLimits.dma: must be a multiple of 4M, the largest buddy block; 6M lies between 4M and 8M'],
  ],
  ['no DMA', withFields({ zoneLimits: { dma: 0 } }), ['zoneLimits.dma: must be at least 4M, not 0']],
  [
    'DMA32 below DMA',
    withFields({ zoneLimits: { dma32: '8M' } }),
    ['zoneLimits.dma32: must be at least dma, 16M, not 8M'],
  ],
  [
    'DMA32 on x86',
    withFields({ arch: 'x86', zoneLimits: { dma32: '32M' } }),
    ['zoneLimits.dma32: x86 has no ZONE_DMA32; leave it out'],
  ],
  [
    'little low memory',
    withFields({ arch: 'x86', zoneLimits: { dma: '4M', lowmem: '4M' } }),
    ['zoneLimits.lowmem: must be at least 8M, not 4M'],
  ],
  [
    'low memory below DMA',
    withFields({ arch: 'x86', zoneLimits: { lowmem: '12M' } }),
    ['zoneLimits.lowmem: must be at least dma, 16M, not 12M'],
  ],
  [
    'low memory below DMA32',
    withFields({ zoneLimits: { lowmem: '1G' } }),
    ['zoneLimits.lowmem: must be at least dma32, 4G, not 1G'],
  ],
  [
    'more low memory than x86 maps',
    withFields({ arch: 'x86', zoneLimits: { lowmem: '900M' } }),
    ['zoneLimits.lowmem: must be at most 896M, where the direct map of x86 ends, not 900M'],
  ],
  [
    'high memory on x86_64',
    withFields({ zoneLimits: { dma: '4M', dma32: '8M', lowmem: '12M' } }),
    ['zoneLimits.lowmem: must be at least 16M, the end of RAM, for x86_64 has no ZONE_HIGHMEM; leave it out'],
  ],
  [
    'half a page movable',
    withFields({ movablecore: 2048 }),
    ['movablecore: must be a multiple of 4K, the page size; 2K lies between 0 and 4K'],
  ],
  [
    'all memory movable',
    withFields({ movablecore: '16M' }),
    ['movablecore: must be at most 7808K, to leave 8M for the kernel, not 16M'],
  ],
];

describe.each([
  ['wrong types', wrongTypes],
  ['unknown fields', unknownFields],
  ['memory', memoryRules],
  ['holes', holeRules],
  ['CPUs', cpuRules],
  ['distances', distanceRules],
  ['zones', zoneRules],
])('configuration: %s', (_group, rules) => {
  it.each(rules)('%s', (_name, config, problems) => {
    expect(problemsOf(config)).toEqual(problems);
  });
});

describe('all problems at once', () => {
  const broken = {
    arch: 'arm',
    nodes: [
      { memory: '16M', cpus: 'two' },
      { memory: [{ start: '17M', size: '8M' }], cpus: 1 },
      { memory: '1M', cpus: [0] },
    ],
    distances: [[10]],
    hz: 0,
  };

  it('has a line each in the message', () => {
    expect(() => loadHardware(broken as unknown as MachineConfig)).toThrow(
      new ConfigError('configuration', [
        { path: 'arch', message: `must be 'x86' or 'x86_64', not 'arm'` },
        {
          path: 'nodes[1].memory[0].start',
          message:
            'must be a multiple of 4M, for a section of 4M belongs to one node; ' +
            '0x1100000 lies between 0x1000000 and 0x1400000',
        },
        { path: 'nodes[2].memory', message: 'has 1M of RAM; a node has at least 4M, or none' },
        {
          path: 'nodes[0].cpus',
          message: `must be a whole number from 0 to 256, or a list of CPU numbers, not 'two'`,
        },
        { path: 'distances', message: 'must have a row for each node: 3, not 1' },
        { path: 'distances[0]', message: 'must have a distance to each node: 3, not 1' },
        { path: 'hz', message: 'must be a whole number from 12 to 1000, not 0' },
      ]),
    );
  });

  it('prints one problem on one line, more below each other', () => {
    const problem = { path: 'hz', message: 'is wrong' };
    expect(new ConfigError('m.json', [problem]).message).toBe('m.json: hz: is wrong');
    expect(new ConfigError('m.json', [problem, { path: '', message: 'all wrong' }]).message).toBe(
      'm.json: 2 problems\n  hz: is wrong\n  all wrong',
    );
  });
});
