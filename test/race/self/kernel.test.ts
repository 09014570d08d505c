import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { start_kernel } from '../../../src/kernel/boot.js';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { releaseCpu } from '../../../src/kernel/cpu/dispatch.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { loadHardware } from '../../../src/machine/config-load.js';
import { SCENARIO_MODULE, type MachineScenario } from '../../../src/race/scenario.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { AFFINITY_PARTS } from '../../../src/race/self/kernel/affinity.js';
import { KERNEL_CHECKS } from '../../../src/race/self/kernel/index.js';
import { TASK_PARTS } from '../../../src/race/self/kernel/tasks.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';

const right = KERNEL_CHECKS.filter((check) => check.expect === 'pass');
/** Where tasks share CPUs, one thread alone gets nowhere: it has nobody to hand its CPU over to. */
const sharing = new Set([...TASK_PARTS, ...AFFINITY_PARTS].map((part) => part.right.name));
const alone = right.filter(({ name }) => !sharing.has(name));
const mutants = KERNEL_CHECKS.filter((check) => check.expect !== 'pass');

/** Something that runs as a whole: the function of a CPU, of an interrupt or of the console. */
type Part = (machine: LoneMachine) => void;

function asCpu(machine: LoneMachine, cpu: number, run: MachineScenario['threads'][number]): void {
  const k = machine.cpus[cpu];
  Atomics.store(k.i32, k.area + CPU_AREA.at.owner, machine.platform.thread);
  run(k);
  k.poll();
  releaseCpu(k);
}

function partsOf(scenario: MachineScenario): Part[] {
  const parts: Part[] = scenario.threads.map((run, cpu) => (machine) => asCpu(machine, cpu, run));
  for (const { cpu, handler } of scenario.interrupts ?? []) {
    parts.push((machine) => asCpu(machine, cpu, handler));
  }
  const onConsole = scenario.console?.bind(scenario);
  if (onConsole !== undefined) parts.push(({ k }) => onConsole(k.as(k.i32[KERNEL.nr_cpus])));
  return parts;
}

/** Runs a scenario's parts one after another. */
function runInTurn(scenario: MachineScenario, parts: readonly Part[]): LoneMachine {
  const machine = bootInProcess(loadHardware(scenario.machine), undefined, start_kernel);
  for (const [name, f] of Object.entries(scenario.functions ?? {})) {
    machine.platform.modules.set(`${name}@${SCENARIO_MODULE}`, (k, info, second) =>
      f(k as Kernel, info, second),
    );
  }
  scenario.setup?.(machine.k);
  releaseCpu(machine.k);
  for (const part of parts) part(machine);
  scenario.final?.(machine.k);
  return machine;
}

describe('the kernel scenarios', () => {
  test('have unique names', () => {
    const names = KERNEL_CHECKS.map((check) => check.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(alone)('$name: holds when nothing is interleaved', ({ scenario }) => {
    const { platform, k } = runInTurn(scenario, partsOf(scenario));
    expect(platform.reports).toEqual([]);
    expect(audit(k).violations).toEqual([]);
  });

  test.each(right)('$name: has a mutant', ({ name }) => {
    expect(mutants.some((mutant) => mutant.name.startsWith(`${name}: `))).toBe(true);
  });
});

/** Exactly once: in the source, and in what it is compiled to. */
function occurrences(file: string, find: string): number[] {
  const source = readFileSync(new URL(`../../../src/${file}.ts`, import.meta.url), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  });
  return [source, outputText].map((text) => text.split(find).length - 1);
}

test.each(mutants)('the mutant "$name" changes what stands there once', ({ scenario }) => {
  const patches = scenario.patches ?? [];
  expect(patches).not.toEqual([]);
  for (const { file, find } of patches) expect([find, ...occurrences(file, find)]).toEqual([find, 1, 1]);
});
