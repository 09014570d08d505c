import { expose } from 'comlink';
import type { MessagePort } from 'node:worker_threads';
import { CpuService, type CpuTask } from '../src/machine/cpu-service.js';

/**
 * The thread of a CPU: one Piscina task that lasts as long as the machine. It only answers the host's calls.
 *
 * @param task the machine's memory, which CPU this is, and the port on which the host calls
 */
export default function cpuThread({ port, ...task }: CpuTask & { port: MessagePort }): Promise<void> {
  return new Promise((resolve) => {
    const service = new CpuService(task, () => {
      // The answer to the last call must leave before the port closes.
      setImmediate(() => {
        port.close();
        resolve();
      });
    });
    expose(service, port);
  });
}
