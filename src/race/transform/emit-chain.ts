import type { AnyNode, CallExpression, ChainExpression, Expression, MemberExpression } from 'acorn';
import type { Emission } from './emission.js';
import { accessPoint, inList } from './emit-access.js';
import { emitAtomics, isAtomicOperation } from './emit-atomics.js';
import { finishCall, functionCallee, methodCallee } from './emit-call.js';
import { globalName, isSimple, isViewMethod, mayBeShared, nativeCallee, propertyName } from './known.js';

/** What `a?.b(c)?.[d]` becomes: conditions that end the chain early, and the value at its end. */
class Chain {
  guards = '';
  readonly temps: string[] = [];
  private readonly e: Emission;

  constructor(e: Emission) {
    this.e = e;
  }

  /** Ends the chain when a value is missing; gives the value a name else. */
  guard(node: AnyNode, text: string): string {
    const value = this.temp();
    this.guards += `(${value} = ${inList(node, text)}) == null ? undefined : `;
    return value;
  }

  temp(): string {
    const temp = this.e.temp();
    this.temps.push(temp);
    return temp;
  }
}

export function emitChain(node: ChainExpression, e: Emission): string {
  if (!needsLowering(node.expression, e)) return e.splice(node);
  const chain = new Chain(e);
  const text = emitLink(node.expression, chain, e);
  e.release(chain.temps);
  return `(${chain.guards}${text})`;
}

function isLink(node: AnyNode): node is MemberExpression | CallExpression {
  return node.type === 'MemberExpression' || node.type === 'CallExpression';
}

/** Whether something in the chain may have to be seen. */
function needsLowering(node: AnyNode, e: Emission): boolean {
  if (!isLink(node)) return false;
  if (node.type === 'MemberExpression') return mayBeShared(e, node) || needsLowering(node.object, e);
  if (e.isTwin) return true;
  const name = node.callee.type === 'MemberExpression' ? propertyName(node.callee) : undefined;
  return (name !== undefined && isViewMethod(name)) || needsLowering(node.callee, e);
}

function emitLink(node: Expression, chain: Chain, e: Emission): string {
  if (node.type === 'MemberExpression') return emitMemberLink(node, chain, e);
  if (node.type === 'CallExpression') return emitCallLink(node, chain, e);
  return e.emit(node);
}

function emitMemberLink(node: MemberExpression, chain: Chain, e: Emission): string {
  if (node.object.type === 'Super') return e.emit(node);
  const object = emitObject(node, node.object, chain, e);
  if (!mayBeShared(e, node)) return object + property(node, e);
  const view = chain.temp();
  const key = chain.temp();
  const keyText = inList(node.property, e.emit(node.property));
  const point = accessPoint(e, 'rd', `${view}, ${key}, ${e.site(node)}`);
  return `(${view} = ${object}, ${key} = ${keyText}, ${e.mark(node.start)}${point}, ${view}[${key}])`;
}

function emitObject(node: MemberExpression, object: Expression, chain: Chain, e: Emission): string {
  const text = emitLink(object, chain, e);
  return node.optional ? chain.guard(object, text) : text;
}

function property(node: MemberExpression, e: Emission): string {
  const text = node.computed ? e.emit(node.property) : e.copy(node.property.start, node.property.end);
  return node.computed ? `[${text}]` : `.${text}`;
}

function emitCallLink(node: CallExpression, chain: Chain, e: Emission): string {
  const { callee } = node;
  if (callee.type === 'Super') return e.emit(node);
  const native = nativeCallee(e, callee);
  if (callee.type === 'MemberExpression') {
    const name = propertyName(callee);
    if (globalName(e, callee.object) === 'Atomics' && name !== undefined && isAtomicOperation(name)) {
      return emitAtomics(node, name, e);
    }
  }
  if (native !== undefined) return e.splice(node);
  if (callee.type !== 'MemberExpression') {
    const text = emitLink(callee, chain, e);
    const target = functionCallee(callee, text, node.arguments, e);
    return finish(node, { ...target, temps: [] }, target.temps, chain, e);
  }
  const object = callee.object.type === 'Super' ? '' : emitReceiver(callee, callee.object, chain, e);
  const target = methodCallee(callee, object, node.arguments, e);
  return finish(node, { ...target, temps: [] }, target.temps, chain, e);
}

/** The receiver of a method. After a guard its name can be used again, like that of a steady variable. */
function emitReceiver(callee: MemberExpression, object: Expression, chain: Chain, e: Emission): string {
  const text = emitLink(object, chain, e);
  if (!callee.optional) return text;
  const guarded = chain.guard(object, text);
  return isSimple(e, object, []) ? text : guarded;
}

function finish(
  node: CallExpression,
  callee: Parameters<typeof finishCall>[2],
  temps: readonly string[],
  chain: Chain,
  e: Emission,
): string {
  chain.temps.push(...temps);
  if (!node.optional) return finishCall(node, node.arguments, callee, e);
  const fn = callee.before === '' ? callee.fn : `${callee.before}${callee.fn}`;
  chain.guards += `(${fn}) == null ? undefined : `;
  return finishCall(node, node.arguments, { ...callee, before: '' }, e);
}
