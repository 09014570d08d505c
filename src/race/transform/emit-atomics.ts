import type { CallExpression, Expression, SpreadElement } from 'acorn';
import { ATOMICS_OPS } from '../engine/atomics-op.js';
import type { Emission } from './emission.js';
import { emitArguments } from './emit-arguments.js';

/** How many arguments each operation has after the index. */
const VALUES: Readonly<Record<string, number>> = { load: 0, compareExchange: 2 };

/** Whether a method of `Atomics` touches memory. */
export function isAtomicOperation(name: string): boolean {
  return Object.hasOwn(ATOMICS_OPS, name) || name === 'wait' || name === 'waitAsync' || name === 'notify';
}

/** `Atomics.name(...)`. */
export function emitAtomics(node: CallExpression, name: string, e: Emission): string {
  const given: (Expression | SpreadElement)[] = node.arguments;
  if (given.some((argument) => argument.type === 'SpreadElement')) {
    e.module.refuse(node, `Atomics.${name} with spread arguments: write the arguments one by one`);
  }
  const { before, texts, temps } = emitArguments(given, e);
  e.release(temps);
  const at = e.mark(node.start);
  const site = e.site(node);
  const arg = (index: number): string => texts.at(index) ?? 'undefined';
  const target = `${arg(0)}, ${arg(1)}`;
  const evaluate = before + at;
  if (name === 'wait' || name === 'waitAsync') {
    return emitWait(e, name, evaluate, `${target}, ${arg(2)}, ${texts.at(3) ?? 'Infinity'}, ${site}`);
  }
  if (name === 'notify') {
    const args = `${target}, ${texts.at(2) ?? 'Infinity'}, ${site}`;
    if (!e.isTwin) return `(${evaluate}${e.helper('snt')}(${args}))`;
    return `(${evaluate}${e.point('nt', args)}, ${e.helper('ntResult')}())`;
  }
  const values = VALUES[name] ?? 1;
  const a = values > 0 ? arg(2) : 'undefined';
  const b = values > 1 ? arg(3) : 'undefined';
  const point = e.point('at', `${ATOMICS_OPS[name]}, ${target}, ${a}, ${b}, ${site}`);
  return `(${evaluate}${point}, Atomics.${name}(${texts.join(', ')}))`;
}

function emitWait(e: Emission, name: string, evaluate: string, args: string): string {
  if (name === 'wait') {
    if (!e.isTwin) return `(${evaluate}${e.helper('swt')}(${args}))`;
    const end = `${e.helper('wtEnd')}() && (yield)`;
    return `(${evaluate}${e.point('wt', args)}, ${end}, ${e.helper('wtResult')}())`;
  }
  if (!e.isTwin) return `(${evaluate}${e.helper('swa')}(${args}))`;
  return `(${evaluate}${e.point('wa', args)}, ${e.helper('waResult')}())`;
}
