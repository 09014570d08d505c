import { availableParallelism, cpus } from 'node:os';

/** What the measurements were made on. */
export interface BenchHost {
  readonly cpuModel: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly node: string;
  readonly platform: string;
}

/** This computer and this Node. */
export function describeHost(): BenchHost {
  const model = cpus().at(0)?.model.trim();
  return {
    cpuModel: model === undefined || model === '' ? 'unknown processor' : model,
    cores: availableParallelism(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}
