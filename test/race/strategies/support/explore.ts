import type { Strategy } from '../../../../src/race/engine/strategy.js';
import { Model, type ModelProgram } from './model.js';
import { traceClass } from './trace-class.js';

export interface Explored {
  /** Executions that finished. */
  readonly executions: number;
  readonly abandoned: number;
  /** How often each class of executions was seen. */
  readonly classes: Map<string, number>;
  readonly states: Set<string>;
  /** Every schedule, with its preemptions. */
  readonly schedules: Map<string, number>;
  /** The strategy had nothing left before the limit. */
  readonly ended: boolean;
}

/** Runs a program until the strategy has nothing left, or `limit` executions were made. */
export function exploreModel(program: ModelProgram, strategy: Strategy, limit = 100_000): Explored {
  const model = new Model(program);
  const classes = new Map<string, number>();
  const states = new Set<string>();
  const schedules = new Map<string, number>();
  let executions = 0;
  let abandoned = 0;
  while (executions + abandoned < limit) {
    const finished = model.next(strategy);
    if (finished === undefined) return { executions, abandoned, classes, states, schedules, ended: true };
    if (!finished) {
      abandoned++;
      continue;
    }
    executions++;
    const key = traceClass(model);
    classes.set(key, (classes.get(key) ?? 0) + 1);
    states.add(model.finalState());
    schedules.set(`${model.schedule.join('')} ${model.numbers()}`, model.preemptions);
  }
  return { executions, abandoned, classes, states, schedules, ended: false };
}
