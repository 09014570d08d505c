import type {
  AnyNode,
  DoWhileStatement,
  ForInStatement,
  ForOfStatement,
  ForStatement,
  Pattern,
  WhileStatement,
} from 'acorn';
import { LOOP_COUNTS, LOOP_MAY_COUNT, LOOP_ONLY_LOOKS } from '../engine/loop-kind.js';
import { childrenOf, isFunction } from './ast.js';
import type { Emission } from './emission.js';
import { emitWhole } from './emit-arguments.js';
import { emitUpdate } from './emit-assign.js';
import { mayBeShared } from './known.js';

export type Loop = DoWhileStatement | ForInStatement | ForOfStatement | ForStatement | WhileStatement;

/** The parts of a loop's head, as text. */
interface Head {
  readonly start: string;
  /** `let i = 0`, or an expression; empty for loops that have none. */
  readonly init: string;
  readonly test: string;
  readonly update: string;
  /** `const x of`, for a loop over values. */
  readonly left: string;
  readonly right: string;
}

/**
 * A loop. If it may reach shared memory, its twin tells the runtime before its first iteration and at the start of each:
 * so spinning is noticed. For that, `while` and `do` become `for` loops, where `continue` and labels mean the same.
 */
export function emitLoop(node: Loop, e: Emission): string {
  const before = e.points;
  const head = headOf(node, e);
  const body = e.emit(node.body);
  if (!e.isTwin || e.points === before) return plainLoop(node, head, body);
  const id = `${e.module.names.own('b')} + ${e.module.sites.numberOf(node, e.functionName)}`;
  const enter = `${e.helper('enter')}(${id})`;
  const point = e.point('loop', `${id}, ${loopKind(node)}`);
  return `${watchedHead(node, head, enter, e)} { ${e.mark(node.start)}${point}; ${body} }`;
}

function headOf(node: Loop, e: Emission): Head {
  const start = e.mark(node.start);
  const none = { start, init: '', test: '', update: '', left: '', right: '' };
  switch (node.type) {
    case 'DoWhileStatement':
    case 'WhileStatement':
      return { ...none, test: e.emit(node.test) };
    case 'ForStatement':
      return {
        ...none,
        init: emitInit(node.init, e),
        test: node.test ? e.emit(node.test) : '',
        update: emitVoid(node.update, e),
      };
    case 'ForInStatement':
      return { ...none, left: `${emitLeft(node.left, e)} in`, right: e.emit(node.right) };
    case 'ForOfStatement':
      return { ...none, left: `${emitLeft(node.left, e)} of`, right: emitWhole(node.right, e) };
  }
}

function plainLoop(node: Loop, { start, init, test, update, left, right }: Head, body: string): string {
  switch (node.type) {
    case 'DoWhileStatement':
      return `${start}do ${body} while (${test});`;
    case 'WhileStatement':
      return `${start}while (${test}) ${body}`;
    case 'ForStatement':
      return `${start}for (${init}; ${test}; ${update}) ${body}`;
    default:
      return `${start}${forKeyword(node)} (${left} ${right}) ${body}`;
  }
}

function watchedHead(
  node: Loop,
  { start, init, test, update, left, right }: Head,
  enter: string,
  e: Emission,
): string {
  switch (node.type) {
    case 'DoWhileStatement': {
      // Its first round needs no test.
      const first = e.temp();
      return `${start}for (${enter}, ${first} = true; ${first} || (${test}); ${first} = false)`;
    }
    case 'WhileStatement':
      return `${start}for (${enter}; ${test}; )`;
    case 'ForStatement': {
      const isDeclaration = node.init?.type === 'VariableDeclaration';
      const entered = e.module.names.own('e');
      const first = isDeclaration
        ? `${init}, ${entered} = ${enter}`
        : init === ''
          ? enter
          : `${init}, ${enter}`;
      return `${start}for (${first}; ${test}; ${update})`;
    }
    default:
      return `${start}${forKeyword(node)} (${left} (${enter}, ${right}))`;
  }
}

function forKeyword(node: Loop): string {
  return node.type === 'ForOfStatement' && node.await ? 'for await' : 'for';
}

function emitInit(node: ForStatement['init'], e: Emission): string {
  if (!node) return '';
  return node.type === 'VariableDeclaration' ? e.splice(node) : emitVoid(node, e);
}

/** An expression whose value nobody wants. */
export function emitVoid(node: AnyNode | null | undefined, e: Emission): string {
  if (!node) return '';
  return node.type === 'UpdateExpression' ? emitUpdate(node, e, false) : e.emit(node);
}

function emitLeft(node: ForOfStatement['left'], e: Emission): string {
  if (node.type === 'VariableDeclaration') return e.splice(node);
  if (assignsElement(node, e)) {
    e.module.refuse(
      node,
      'a loop that assigns to an element: declare a variable in the loop and assign that',
    );
  }
  return node.type === 'MemberExpression' ? e.splice(node) : e.emit(node);
}

function assignsElement(node: Pattern, e: Emission): boolean {
  if (node.type === 'MemberExpression') return mayBeShared(e, node);
  if (node.type === 'Identifier') return false;
  return childrenOf(node).some((child) => child.type === 'MemberExpression' && mayBeShared(e, child));
}

/** What the loop may change that nobody else sees; a `LOOP_*` of the runtime. */
function loopKind(node: AnyNode): number {
  if (isCounting(node)) return LOOP_COUNTS;
  return mayHoldState(node) ? LOOP_MAY_COUNT : LOOP_ONLY_LOOKS;
}

/** Whether it changes a property of an object: there it can count its rounds. Elements of views are seen anyway. */
function mayHoldState(node: AnyNode): boolean {
  if (node.type === 'AssignmentExpression' && isProperty(node.left)) return true;
  if (node.type === 'UpdateExpression' && isProperty(node.argument)) return true;
  return childrenOf(node).some((child) => !isFunction(child) && mayHoldState(child));
}

function isProperty(node: AnyNode): boolean {
  return node.type === 'MemberExpression' && !node.computed;
}

/** Whether an iteration changes a variable in a way that two iterations are not the same as one. */
function isCounting(node: AnyNode): boolean {
  if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') return true;
  if (node.type === 'UpdateExpression' && node.argument.type === 'Identifier') return true;
  if (node.type === 'AssignmentExpression' && node.left.type === 'Identifier') {
    const { operator, left } = node;
    if (operator === '=' ? mentions(node.right, left.name) : !/^(?:&&|\|\||\?\?)/.test(operator)) return true;
  }
  return childrenOf(node).some((child) => !isFunction(child) && isCounting(child));
}

function mentions(node: AnyNode, name: string): boolean {
  if (node.type === 'Identifier') return node.name === name;
  return childrenOf(node).some((child) => mentions(child, name));
}
