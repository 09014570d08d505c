import { describe, expect, it } from 'vitest';

import { EventKind } from '../../src/trace/kmem-event.js';
import { TraceError } from '../../src/trace/trace-error.js';
import { fixture, readAll } from './support.js';

const GFP_KERNEL = 0xd0;
const FREE = 'mm_page_free: page=ffffea0000000000 pfn=0x10 order=3';

async function one(line: string) {
  const { events, totals } = await readAll('t', [`${line}\n`]);
  return { event: events[0], events, totals };
}

async function problemOf(text: string) {
  try {
    await readAll('bad.txt', [text]);
  } catch (error) {
    if (error instanceof TraceError) return { ...error.details, message: error.message };
    throw error;
  }
  throw new Error('no error');
}

describe('the frame of a line', () => {
  it.each([
    ['padded ftrace', '            bash-11386   [003] .....   722.772137: '],
    ['flags set', '            bash-11386   [003] dNh2.   722.772137: '],
    ['no flags (older ftrace)', '            bash-11386 [003]   722.772137: '],
    ['a TGID', '            bash-11386   (  11386) [003] .....   722.772137: '],
    ['an unknown TGID', '            bash-11386   (-----) [003] d..1   722.772137: '],
    ['an unknown task', '           <...>-11386   [003] .....   722.772137: '],
    ['the idle task', '          <idle>-0       [003] .....   722.772137: '],
    ['dashes and slashes', '  kworker/0:1H-x-11386   [003] .....   722.772137: '],
    ['spaces in the name', '    Web Content 2-11386   [003] .....   722.772137: '],
    ['brackets in the name', '     a [9] b [10]-11386   [003] .....   722.772137: '],
    ['a name like a frame, ftrace', ' x-1 [9] 1: a: b-11386   [003] .....   722.772137: '],
    ['a name like a frame, perf script', ' x-1 [9] 1: a: b 11386 [003]   722.772137:   kmem:'],
    ['a clock that counts', '            bash-11386   [003] .....   722772137: '],
    ['perf script', '            bash 11386 [003]   722.772137:   kmem:'],
    ['perf script, unpadded', 'bash 11386 [003]   722.772137:   kmem:'],
    ['perf script, pid/tid', '            bash 11386/11387 [003]   722.772137:   kmem:'],
    ['perf script, spaces and brackets', '   a [9] b-1 [10] 11386 [003]   722.772137:  kmem:'],
    ['perf script, no task', '             :-1    -1 [003]   722.772137:   kmem:'],
  ])('is read: %s', async (_, frame) => {
    const { event } = await one(frame + FREE);
    expect(event).toEqual({ kind: EventKind.pageFree, cpu: 3, key: 16, order: 3 });
  });

  it('can have a large CPU number', async () => {
    const { event, totals } = await one(`            bash-1       [4095] .....   1.5: ${FREE}`);
    expect(event.cpu).toBe(4095);
    expect(totals.cpus).toBe(4096);
  });

  it('counts other events by name, also stack traces and those of other subsystems', async () => {
    const { events, totals } = await readAll('t', [
      'bash-1 [000] ..... 1.0: sched_switch: prev_comm=a prev_pid=1\n',
      'bash-1 [000] ..... 1.0: sched_switch: [broken] ptr=what\n',
      'bash-1 [000] ..... 1.0: <stack trace>\n => __kmalloc\n => do_fork\n',
      'bash 1 [000] 1.0: sched:sched_wakeup: \n\tffffffff81234567 kmalloc+0x1 ([kernel.kallsyms])\n\n',
    ]);
    expect(events).toEqual([]);
    expect(totals.lines).toBe(8);
    expect(totals.events.map(({ name, count }) => [name, count])).toEqual([
      ['sched_switch', 2],
      ['<stack trace>', 1],
      ['sched:sched_wakeup', 1],
    ]);
  });

  it('skips comments, blank lines, and carriage returns', async () => {
    const { events, totals } = await readAll('t', [
      '# tracer: nop\r\n#\r\n\r\n   \r\n##### CPU 1 buffer started ####\n',
      `bash-1 [000] ..... 1.0: ${FREE}\r\n`,
    ]);
    expect(events).toHaveLength(1);
    expect(totals.lines).toBe(6);
  });

  it('counts reports of lost events', async () => {
    const { totals } = await readAll('t', [
      'CPU:1 [LOST 1234 EVENTS]\nCPU:12 [LOST EVENTS]\nCPU:0 [LOST 6 EVENTS]\n',
    ]);
    expect(totals).toMatchObject({ lostEvents: 1240, lostReports: 3, lines: 3 });
  });
});

describe('the fields of an event', () => {
  const ftrace = '            bash-1       [001] .....     1.0: ';

  it.each([
    ['pfn=0x199706', 0x199706],
    ['pfn=1676038', 1676038],
    ['pfn=0', 0],
    ['pfn=0xffffffffffffffff', 0],
    ['pfn=18446744073709551615', 0],
  ])('%s', async (pfn, key) => {
    const fields = `page=ffffea000665c180 ${pfn} order=2 migratetype=1 gfp_flags=GFP_KERNEL`;
    const { event } = await one(`${ftrace}mm_page_alloc: ${fields}`);
    expect(event).toEqual({ kind: EventKind.pageAlloc, cpu: 1, key, order: 2, gfp: GFP_KERNEL });
  });

  it.each(['page=0x1234', 'page=          (null)', 'page=(nil)', 'page=0', '[FAILED TO PARSE]'])(
    'page allocation with "%s"',
    async (page) => {
      const { event } = await one(
        `${ftrace}mm_page_alloc: ${page} pfn=0 order=9 gfp_flags=none migratetype=0`,
      );
      expect(event).toEqual({ kind: EventKind.pageAlloc, cpu: 1, key: 0, order: 9, gfp: 0 });
    },
  );

  it.each([
    ['ptr=ffff888104685d38', 0xf888104685d38],
    ['ptr=0xffff888104685d38', 0xf888104685d38],
    ['ptr=0xFFFF888104685D38', 0xf888104685d38],
    ['ptr=c1234568', 0xc1234568],
    ['ptr=0000000000000000', 0],
    ['ptr=0x0', 0],
    ['ptr=(nil)', 0],
    ['ptr=          (null)', 0],
    ['ptr=(null)', 0],
  ])('%s', async (pointer, key) => {
    for (const name of ['kfree', 'kmem_cache_free']) {
      const { event } = await one(`${ftrace}${name}: call_site=ext4_x+0x1/0x2 [ext4] ${pointer} name=filp`);
      expect(event).toEqual({ kind: EventKind.objectFree, cpu: 1, key });
    }
  });

  const object = { cpu: 1, key: 0xf888104685d38, gfp: GFP_KERNEL, requested: 11, allocated: 16 };

  it.each(['kmalloc', 'kmalloc_node'])('%s', async (name) => {
    const fields = 'ptr=ffff888104685d38 bytes_req=11 bytes_alloc=16 gfp_flags=GFP_KERNEL node=-1';
    const { event } = await one(`${ftrace}${name}: call_site=f+0x1/0x2 ${fields} accounted=false`);
    expect(event).toEqual({ kind: EventKind.objectAlloc, ...object, site: 'f+0x1/0x2' });
  });

  it.each(['kmem_cache_alloc', 'kmem_cache_alloc_node'])('%s', async (name) => {
    const fields = 'ptr=ffff888104685d38 name=filp bytes_req=11 bytes_alloc=16 gfp_flags=GFP_KERNEL node=3';
    const { event } = await one(`${ftrace}${name}: call_site=f+0x1/0x2 [ext4] ${fields} accounted=false`);
    expect(event).toEqual({
      kind: EventKind.cacheAlloc,
      ...object,
      cache: 'filp',
      site: 'f+0x1/0x2',
      node: 3,
    });
  });

  it('of objects in kernels that tell neither cache nor node, after events that do', async () => {
    const fields = 'ptr=ffff888104685d38 bytes_req=11 bytes_alloc=16 gfp_flags=GFP_KERNEL';
    const { events } = await readAll('t', [
      `${ftrace}kmem_cache_alloc: call_site=f ${fields.replace('bytes_req', 'name=a bytes_req')} node=1\n`,
      `${ftrace}kmem_cache_alloc: ${fields}\n`,
    ]);
    expect(events[1]).toEqual({ kind: EventKind.cacheAlloc, ...object });
  });

  it.each(['a', 'two words', 'kmalloc bytes_req', 'x=1 name=y', 'dentry(12:user.slice)', 'caché'])(
    'the name of a cache: %s',
    async (name) => {
      const fields = `ptr=ffff888104685d38 name=${name} bytes_req=11 bytes_alloc=16 gfp_flags=GFP_KERNEL`;
      const { event } = await one(`${ftrace}kmem_cache_alloc: ${fields}`);
      expect(event).toEqual({ kind: EventKind.cacheAlloc, ...object, cache: name });
    },
  );

  it('of page frees in older spellings', async () => {
    const { events, totals } = await readAll('t', [
      `${ftrace}mm_page_free_direct: page=c1 pfn=7 order=1\n`,
      `${ftrace}mm_pagevec_free: page=c1 pfn=8 order=0 cold=1\n`,
      `${ftrace}mm_page_free_batched: page=c1 pfn=8 order=0 cold=1\n`,
    ]);
    expect(events.map(({ kind, key }) => [kind, key])).toEqual([
      [EventKind.pageFree, 7],
      [EventKind.pageFree, 8],
      [EventKind.pageFreeRepeated, undefined],
    ]);
    expect(totals.events).toHaveLength(3);
  });

  it('are the same in both frames of one trace', async () => {
    const ftraceEvents = await readAll(fixture('http.ftrace'));
    const perf = await readAll(fixture('http.perf-script.txt'));
    expect(perf.events).toEqual(ftraceEvents.events);
    expect(perf.events.length).toBeGreaterThan(100);
    expect(perf.totals.events.map(({ count }) => count)).toEqual(
      ftraceEvents.totals.events.map(({ count }) => count),
    );
  });
});

describe('a broken line', () => {
  const good = `            bash-1       [001] .....     1.0: ${FREE}\n`;

  it.each([
    ['no frame', 'hello world', 'frame'],
    ['a cut line', '            bash-1       [001] .....     1.', 'frame'],
    ['no process number', '            bash [001] .....     1.0: kfree: ptr=0', 'frame'],
    ['no CPU', '            bash-1  .....     1.0: kfree: ptr=0', 'frame'],
    ['a CPU that is none', '            bash-1 [9999] .....     1.0: kfree: ptr=0', 'frame'],
    ['no event', '            bash-1       [001] .....     1.0: ', 'event'],
    ['an event without colon', '            bash-1       [001] .....     1.0: kfree ptr=0', 'event'],
    ['no fields', '            bash-1       [001] .....     1.0: kfree:', 'ptr'],
    ['a missing field', 'a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=0x1', 'order'],
    ['missing flags', 'a-1 [001] ..... 1.0: mm_page_alloc: page=1 pfn=0x1 order=0', 'gfp_flags'],
    ['empty flags', 'a-1 [001] ..... 1.0: mm_page_alloc: pfn=0x1 order=0 gfp_flags= x', 'gfp_flags'],
    ['a bad frame number', 'a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=0xg order=0', 'pfn'],
    ['an empty number', 'a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=0x order=0', 'pfn'],
    ['a bad order', 'a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=1 order=21', 'order'],
    ['a negative order', 'a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=1 order=-1', 'order'],
    ['a bad pointer', 'a-1 [001] ..... 1.0: kfree: ptr=(____ptrval____)', 'ptr'],
    [
      'a bad node',
      'a-1 [001] ..... 1.0: kmalloc: ptr=1 bytes_req=1 bytes_alloc=16 gfp_flags=none node=x',
      'node',
    ],
    ['a long pointer', 'a-1 [001] ..... 1.0: kfree: ptr=0xffff8881046850000', 'ptr'],
    [
      'a bad size',
      'a-1 [001] ..... 1.0: kmalloc: ptr=1 bytes_req=1k bytes_alloc=16 gfp_flags=none',
      'bytes_req',
    ],
    [
      'a huge size',
      'a-1 [001] ..... 1.0: kmalloc: ptr=1 bytes_req=1 bytes_alloc=99999999999999999',
      'bytes_alloc',
    ],
  ])('%s', async (_, line, field) => {
    const details = await problemOf(`# header\n${good}\n${line}\n${good}`);
    expect(details).toMatchObject({ problem: 'broken-line', file: 'bad.txt', line: 4, field });
    expect(details.message).toContain('bad.txt:4: ');
    expect(details.message).toContain('expected ');
  });

  it('says what it found and what would be right', async () => {
    const { message } = await problemOf('a-1 [001] ..... 1.0: mm_page_free: page=1 pfn=1 order=abc\n');
    expect(message).toBe(
      'bad.txt:1: mm_page_free order: malformed value "abc"; expected a number from 0 to 20',
    );
  });

  it('is found when it is the last one and has no line end', async () => {
    expect(await problemOf(`${good}a-1 [001] ..... 1.0: mm_page_free: page=1 pf`)).toMatchObject({
      line: 2,
      field: 'pfn',
    });
  });
});
