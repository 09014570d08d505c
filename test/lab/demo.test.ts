import { describe, expect, it } from 'vitest';

import { gfp, gfpHere } from '../cli/support.js';

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

describe('gfp demo', () => {
  it.each(Object.keys(SHOWN))('shows %s', async (name) => {
    const { code, stdout, stderr } = await gfpHere('demo', name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const pattern of SHOWN[name]) expect(stdout).toMatch(pattern);
    expect(stdout).toMatch(/^as it has to be$/m);
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

  it('names the demonstrations that there are', async () => {
    const { code, stdout, stderr } = await gfpHere('demo', 'irq');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const name of Object.keys(SHOWN)) expect(stderr).toContain(name);
  });
});
