import { afterAll, afterEach, expect } from 'vitest';
import type { MachineConfig } from 'gfp';

type Config = string | MachineConfig;

/** What machines are asked between tests. */
interface Asked {
  readonly panicked: boolean;
  readonly halted: boolean;
  readonly cpus: number;
  onlineCpus(): readonly number[];
  tasks(): readonly { readonly pid: number }[];
  audit(): Promise<{ readonly violations: readonly unknown[] }>;
  halt(): Promise<void>;
}

/** The machines of a test file. */
export interface Machines<Machine> {
  /** A fresh one, which is halted after the test. */
  boot(config?: Config, overrides?: Partial<MachineConfig>): Promise<Machine>;
  /**
   * One that tests share, from one to the next: to start the threads of a machine is most of what a short test takes.
   * After each test that had it, it must run, sound, with all its CPUs, and with the tasks that it had after boot; if
   * not, that test fails and the next one gets a fresh machine.
   */
  share(config?: Config): Promise<Machine>;
}

/**
 * Lets the tests of a file boot machines.
 *
 * @param start boots one
 */
export function useMachines<Machine extends Asked>(
  start: (config?: Config, overrides?: Partial<MachineConfig>) => Promise<Machine>,
): Machines<Machine> {
  const own: Machine[] = [];
  const shared = new Map<string, { readonly machine: Machine; readonly tasks: number[] }>();
  const used = new Set<string>();

  afterEach(async () => {
    await Promise.all(own.splice(0).map((machine) => machine.halt()));
    const keys = [...used];
    used.clear();
    for (const key of keys) {
      const { machine, tasks } = shared.get(key)!;
      shared.delete(key);
      try {
        await expectWhole(machine);
        expect(pids(machine)).toEqual(tasks);
      } catch (error) {
        await machine.halt();
        throw error;
      }
      shared.set(key, { machine, tasks });
    }
  });

  afterAll(async () => {
    await Promise.all([...shared.values()].map(({ machine }) => machine.halt()));
  });

  return {
    async boot(config, overrides) {
      const machine = await start(config, overrides);
      own.push(machine);
      return machine;
    },
    async share(config = 'x86_64-numa2') {
      const key = JSON.stringify(config);
      let entry = shared.get(key);
      if (entry === undefined) {
        const machine = await start(config);
        entry = { machine, tasks: pids(machine) };
        shared.set(key, entry);
      }
      used.add(key);
      return entry.machine;
    },
  };
}

async function expectWhole(machine: Asked): Promise<void> {
  expect({ panicked: machine.panicked, halted: machine.halted }).toEqual({ panicked: false, halted: false });
  expect(machine.onlineCpus()).toHaveLength(machine.cpus);
  expect((await machine.audit()).violations).toEqual([]);
}

function pids(machine: Asked): number[] {
  return machine.tasks().map(({ pid }) => pid);
}
