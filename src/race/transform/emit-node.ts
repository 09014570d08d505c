import type { AnyNode, Identifier, NewExpression, UnaryExpression, VariableDeclarator } from 'acorn';
import type { Emission } from './emission.js';
import { inList, emitMember } from './emit-access.js';
import { emitSpreadElement, emitWhole } from './emit-arguments.js';
import { emitAssignment, emitPatternSource, emitTarget, emitUpdate } from './emit-assign.js';
import { emitCall } from './emit-call.js';
import { emitChain } from './emit-chain.js';
import { emitClass } from './emit-class.js';
import { emitLoop, emitVoid } from './emit-loop.js';
import { emitExportDefault } from './emit-module.js';
import { emitProperty } from './emit-object.js';
import { emitEnded, definitions, emitStatements } from './emit-statements.js';
import { emitTaggedTemplate } from './emit-template.js';
import { emitFunction, emitFunctionDeclaration } from './function-text.js';
import { constructorLooksAtWhole, globalName } from './known.js';

/** The text of a node: as it stands in the source, but for what may reach shared memory. */
export function emitNode(node: AnyNode, e: Emission): string {
  const standIn = e.module.standIns.get(node);
  if (standIn !== undefined) return standIn;
  switch (node.type) {
    case 'Identifier':
      return emitIdentifier(node, e);
    case 'ThisExpression':
      return e.mark(node.start) + (e.thisText ?? 'this');
    case 'MetaProperty':
      if (node.meta.name === 'new' && e.thisText !== undefined) return e.module.names.own('newTarget');
      return e.splice(node);
    case 'MemberExpression':
      return emitMember(node, e);
    case 'ChainExpression':
      return emitChain(node, e);
    case 'CallExpression':
      return emitCall(node, e);
    case 'NewExpression':
      return emitNew(node, e);
    case 'TaggedTemplateExpression':
      return emitTaggedTemplate(node, e);
    case 'AssignmentExpression':
      return emitAssignment(node, e);
    case 'UpdateExpression':
      return emitUpdate(node, e, true);
    case 'UnaryExpression':
      return emitUnary(node, e);
    case 'SpreadElement':
      return emitSpreadElement(node, e);
    case 'Property':
      return emitProperty(node as Parameters<typeof emitProperty>[0], e);
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return emitFunction(node, e);
    case 'ClassExpression':
    case 'ClassDeclaration':
      return emitClass(node, e);
    default:
      return emitStatement(node, e);
  }
}

function emitStatement(node: AnyNode, e: Emission): string {
  switch (node.type) {
    case 'FunctionDeclaration':
      return emitFunctionDeclaration(node, node.id?.name ?? e.module.names.own('default'), e);
    case 'ExpressionStatement': {
      const { expression } = node;
      const text =
        e.copy(node.start, expression.start) + emitVoid(expression, e) + e.copy(expression.end, node.end);
      return emitEnded(node, text, e);
    }
    case 'VariableDeclaration':
    case 'ReturnStatement':
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'DebuggerStatement':
      return emitEnded(node, e.splice(node), e);
    case 'VariableDeclarator':
      return emitDeclarator(node, e);
    case 'BlockStatement':
      return `{${emitStatements(node, node.body, e)}}`;
    case 'SwitchCase': {
      const first = node.consequent.at(0);
      if (first === undefined) return e.splice(node);
      const head = node.test
        ? e.copy(node.start, node.test.start) + e.emit(node.test) + e.copy(node.test.end, first.start)
        : e.copy(node.start, first.start);
      const body = node.consequent.map((statement) => e.emit(statement)).join(' ');
      return head + definitions(node.consequent, e) + body;
    }
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      return emitLoop(node, e);
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
      return e.copy(node.start, node.end);
    case 'ExportNamedDeclaration':
      return node.declaration ? e.splice(node) : e.copy(node.start, node.end);
    case 'ExportDefaultDeclaration':
      return emitExportDefault(node, e);
    default:
      return e.splice(node);
  }
}

function emitIdentifier(node: Identifier, e: Emission): string {
  if (node.name === 'arguments' && e.thisText !== undefined) return e.module.names.own('arguments');
  return e.copy(node.start, node.end);
}

function emitDeclarator(node: VariableDeclarator, e: Emission): string {
  if (node.init && globalName(e, node.init) === 'Atomics') {
    e.module.refuse(node, 'Atomics under another name: write Atomics.name(...) wherever it is called');
  }
  if (!node.init || node.id.type === 'Identifier') return e.splice(node);
  return `${e.emit(node.id)} = ${emitPatternSource(node.id, node.init, e)}`;
}

function emitUnary(node: UnaryExpression, e: Emission): string {
  const { argument } = node;
  // Whether something exists may be asked, of Atomics.waitAsync for one.
  if (node.operator === 'typeof' && isAtomicsMember(argument, e)) return e.copy(node.start, node.end);
  if (node.operator !== 'delete') return e.splice(node);
  if (argument.type === 'MemberExpression')
    return e.copy(node.start, argument.start) + emitTarget(argument, e) + e.copy(argument.end, node.end);
  if (argument.type === 'ChainExpression' && argument.expression.type === 'MemberExpression') {
    return (
      e.copy(node.start, argument.start) + emitTarget(argument.expression, e) + e.copy(argument.end, node.end)
    );
  }
  return e.splice(node);
}

function isAtomicsMember(node: AnyNode, e: Emission): boolean {
  return node.type === 'MemberExpression' && globalName(e, node.object) === 'Atomics';
}

/** A constructor cannot pause; native ones read what they are given. */
function emitNew(node: NewExpression, e: Emission): string {
  const { callee } = node;
  const first = node.arguments.at(0);
  if (first === undefined || first.type === 'SpreadElement' || !constructorLooksAtWhole(e, callee)) {
    return e.splice(node);
  }
  const rest = node.arguments.slice(1).map((argument) => inList(argument, e.emit(argument)));
  return `new ${e.emit(callee)}(${[emitWhole(first, e), ...rest].join(', ')})`;
}
