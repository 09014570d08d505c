import { describe, expect, it } from 'vitest';
import { DEMOS } from '../../dist/src/lab/demo.js';
import { Machine } from '../../dist/src/machine/machine.js';
import { gfp, gfpHere } from '../cli/support.js';
import { useMachines } from '../support/machines.js';

/** What a demonstration must show: the numbers, not the words around them. */
const SHOWN: Readonly<Record<string, readonly RegExp[]>> = {
  'lost-update': [
    /^ {2}nothing +sum of all copies \d+, [1-9]\d* lost; \d+ times stored on another CPU$/m,
    /^ {2}get_cpu_var +sum of all copies 4000, 0 lost; 0 times stored on another CPU$/m,
  ],
  'irq-race': [
    /^ {2}nothing +1000 counted, 1000 lost$/m,
    /^ {2}get_cpu_var +1000 counted, 1000 lost$/m,
    /^ {2}local_irq_save +2000 counted, 0 lost$/m,
  ],
  'sockets-in-use': [/^ {2}copy of CPU 0 +900$/m, /^ {2}copy of CPU 3 +-650$/m, /^ {2}sum +250$/m],
  'sleep-in-atomic': [
    /between get_cpu and put_cpu:\n {2}BUG: sleeping function called from invalid context[^]*?context: process/,
    /under a spinlock:\n[^]*?locks held: memory/,
    /in a timer:\n[^]*?context: softirq/,
  ],
  'node-locality': [
    /CPU 0 \(node 0\), alloc_pages_node\(1\): all on node 1\n {4}node 1: numa_hit \+100, other_node \+100\n/,
    /CPU 3 \(node 1\), alloc_pages: all on node 1\n {4}node 1: numa_hit \+100, local_node \+100\n/,
  ],
};

const { share } = useMachines((...args) => Machine.boot(...args));

describe('a demonstration', () => {
  it.each(Object.keys(SHOWN))('shows %s', async (name) => {
    const { lines, asExpected } = await DEMOS[name].run(await share());
    for (const pattern of SHOWN[name]) expect(lines.join('\n')).toMatch(pattern);
    expect(asExpected).toBe(true);
  });
});

describe('gfp demo', () => {
  it('prints what a demonstration shows, and the verdict last', async () => {
    const { code, stdout, stderr } = await gfpHere('demo', 'irq-race');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^machine x86_64-numa2: 2 nodes, 4 CPUs, 512 MiB of memory\n/);
    for (const pattern of SHOWN['irq-race']) expect(stdout).toMatch(pattern);
    expect(stdout).toMatch(/\nas it has to be\n$/);
  });

  it('prints JSON', async () => {
    const { code, stdout } = await gfp('demo', 'sockets-in-use', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      machine: { cpus: 4 },
      name: 'sockets-in-use',
      asExpected: true,
    });
  });

  it('names the demonstrations that there are, all of which are tested here', async () => {
    const { code, stdout, stderr } = await gfpHere('demo', 'irq');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const name of Object.keys(SHOWN)) expect(stderr).toContain(name);
    expect(Object.keys(SHOWN).sort()).toEqual(Object.keys(DEMOS).sort());
  });
});
