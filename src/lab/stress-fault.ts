/** Something that happens to a CPU or a task during a stress run. */
export type StressFault = KillFault | OfflineFault | KillTaskFault;

/** The CPU's thread ends wherever it is; a second later the CPU comes back with a new one. */
export interface KillFault {
  readonly kind: 'kill';
  readonly cpu: number;
  /** Seconds from the start. */
  readonly at: number;
}

/** The CPU is unplugged. */
export interface OfflineFault {
  readonly kind: 'offline';
  readonly cpu: number;
  readonly at: number;
  /** Seconds until it is plugged in again; without it, at the end of the run. */
  readonly back?: number;
}

/** The thread of a task ends wherever it is. Of the workload `tasks`. */
export interface KillTaskFault {
  readonly kind: 'kill-task';
  /** From 0 to the number of tasks - 1. */
  readonly task: number;
  readonly at: number;
}

/** How a fault is written, for messages. */
export const FAULT_SYNTAX =
  'kill:CPU@SECONDS or offline:CPU@SECONDS[+SECONDS until it is back] or kill-task:TASK@SECONDS';

const FAULT = /^(kill|offline|kill-task):(\d+)@(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?$/;

/**
 * Reads a fault as it is written on a command line: `kill:1@2.5`, `offline:3@1+0.5`.
 *
 * @throws RangeError when it is not written like that; the message says what would be right
 */
export function parseFault(text: string): StressFault {
  const match = FAULT.exec(text);
  if (match === null) throw new RangeError(`fault '${text}': must be ${FAULT_SYNTAX}`);
  const [, kind, cpu, at, back] = match as unknown as [string, string, string, string, string | undefined];
  if (kind === 'kill-task') {
    if (back !== undefined)
      throw new RangeError(`fault '${text}': a killed task is gone; leave out +${back}`);
    return { kind, task: Number(cpu), at: Number(at) };
  }
  if (kind === 'kill') {
    if (back !== undefined) {
      throw new RangeError(
        `fault '${text}': a killed CPU comes back by itself after 1 second; leave out +${back}`,
      );
    }
    return { kind, cpu: Number(cpu), at: Number(at) };
  }
  const fault = { kind: 'offline', cpu: Number(cpu), at: Number(at) } as const;
  return back === undefined ? fault : { ...fault, back: Number(back) };
}

/** The text that {@link parseFault} reads. */
export function formatFault(fault: StressFault): string {
  const back = fault.kind === 'offline' && fault.back !== undefined ? `+${fault.back}` : '';
  return `${fault.kind}:${fault.kind === 'kill-task' ? fault.task : fault.cpu}@${fault.at}${back}`;
}
