import type {
  AnyNode,
  AssignmentProperty,
  Class,
  ClassBody,
  Expression,
  Identifier,
  MethodDefinition,
  Pattern,
  PrivateIdentifier,
  Program,
  Property,
  VariableDeclaration,
} from 'acorn';
import { childrenOf, type FunctionNode, isFunction } from './ast.js';
import type { Binding, BindingKind, Captures } from './binding.js';
import { Scope } from './scope.js';

interface Use {
  readonly node: Identifier;
  readonly scope: Scope;
  readonly isAssignment: boolean;
}

/** Which declaration each name of a module means, what is assigned where, and what arrows take from around them. */
export class ScopeAnalysis {
  private readonly bindings = new Map<Identifier, Binding>();
  private readonly uses: Use[] = [];
  private readonly exported: string[] = [];
  private readonly captures = new Map<AnyNode, Captures>();
  /** Innermost last: functions that are no arrows, and arrows. */
  private readonly functions: AnyNode[] = [];
  /** Innermost last. */
  private readonly classes: ClassBody[] = [];
  private readonly privateMethods = new Map<PrivateIdentifier, MethodDefinition>();

  constructor(program: Program) {
    const scope = new Scope(undefined, program);
    this.functions.push(program);
    for (const statement of program.body) this.visit(statement, scope);
    for (const use of this.uses) this.resolve(use);
    for (const name of this.exported) {
      const binding = scope.bindings.get(name);
      if (binding !== undefined) binding.isExported = true;
    }
  }

  /** The declaration that a name means; undefined for a global. */
  bindingOf(node: Identifier): Binding | undefined {
    return this.bindings.get(node);
  }

  /** The method that `#name` means, if it means one. */
  privateMethodOf(node: PrivateIdentifier): MethodDefinition | undefined {
    return this.privateMethods.get(node);
  }

  /** What the arrows in a function that is no arrow take from it. */
  capturesOf(owner: AnyNode): Captures {
    let captures = this.captures.get(owner);
    if (captures === undefined) {
      captures = { this: false, arguments: false, super: false, newTarget: false };
      this.captures.set(owner, captures);
    }
    return captures;
  }

  private resolve({ node, scope, isAssignment }: Use): void {
    const binding = scope.lookUp(node.name);
    if (binding === undefined) return;
    this.bindings.set(node, binding);
    if (!isAssignment) return;
    binding.assignments++;
    if (scope.owner !== binding.owner) binding.assignedElsewhere = true;
  }

  private visit(node: AnyNode, scope: Scope): void {
    switch (node.type) {
      case 'Identifier':
        this.uses.push({ node, scope, isAssignment: false });
        if (node.name === 'arguments') this.capture('arguments');
        return;
      case 'ThisExpression': {
        this.capture('this');
        return;
      }
      case 'Super':
        this.capture('this');
        {
          this.capture('super');
          return;
        }
      case 'MetaProperty':
        if (node.meta.name === 'new') this.capture('newTarget');
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression': {
        this.visitFunction(node, scope);
        return;
      }
      case 'ClassDeclaration':
      case 'ClassExpression': {
        this.visitClass(node, scope);
        return;
      }
      case 'VariableDeclaration': {
        this.visitDeclaration(node, scope);
        return;
      }
      case 'AssignmentExpression':
        this.assign(node.left, scope);
        {
          this.visit(node.right, scope);
          return;
        }
      case 'UpdateExpression': {
        this.assign(node.argument as Pattern, scope);
        return;
      }
      case 'ForInStatement':
      case 'ForOfStatement': {
        const inner = new Scope(scope, scope.owner);
        if (node.left.type === 'VariableDeclaration') this.visit(node.left, inner);
        else this.assign(node.left, inner);
        this.visit(node.right, inner);
        this.visit(node.body, inner);
        return;
      }
      case 'BlockStatement':
      case 'ForStatement':
      case 'SwitchStatement': {
        this.visitChildren(node, new Scope(scope, scope.owner));
        return;
      }
      case 'CatchClause': {
        const inner = new Scope(scope, scope.owner);
        if (node.param) this.declarePattern(node.param, inner, 'catch');
        this.visit(node.body, inner);
        return;
      }
      case 'MemberExpression':
        this.visit(node.object, scope);
        if (node.computed) this.visit(node.property, scope);
        else if (node.property.type === 'PrivateIdentifier') this.resolvePrivate(node.property);
        return;
      case 'Property':
        if (node.computed) this.visit(node.key, scope);
        {
          this.visit(node.value, scope);
          return;
        }
      case 'LabeledStatement': {
        this.visit(node.body, scope);
        return;
      }
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      default: {
        this.visitModuleItem(node, scope);
        return;
      }
    }
  }

  private visitModuleItem(node: AnyNode, scope: Scope): void {
    switch (node.type) {
      case 'ImportDeclaration':
        for (const { local } of node.specifiers) scope.declare(local.name, 'import');
        return;
      case 'ExportNamedDeclaration':
        if (node.declaration) {
          this.visit(node.declaration, scope);
          if (node.declaration.type === 'FunctionDeclaration') this.exported.push(node.declaration.id.name);
        }
        for (const { local } of node.specifiers) {
          if (!node.source && local.type === 'Identifier') this.exported.push(local.name);
        }
        return;
      case 'ExportDefaultDeclaration':
        this.visit(node.declaration, scope);
        if (node.declaration.type === 'FunctionDeclaration' && node.declaration.id) {
          this.exported.push(node.declaration.id.name);
        }
        return;
      case 'ExportAllDeclaration':
        return;
      default: {
        this.visitChildren(node, scope);
        return;
      }
    }
  }

  private visitChildren(node: AnyNode, scope: Scope): void {
    for (const child of childrenOf(node)) this.visit(child, scope);
  }

  private visitFunction(node: FunctionNode, scope: Scope): void {
    if (node.type === 'FunctionDeclaration' && node.id)
      scope.declare(node.id.name, 'function', { function: node });
    let outer = scope;
    if (node.type === 'FunctionExpression' && node.id) {
      outer = new Scope(scope, node);
      outer.declare(node.id.name, 'own name');
    }
    const inner = new Scope(outer, node);
    this.functions.push(node);
    for (const parameter of node.params) this.declarePattern(parameter, inner, 'param');
    if (node.body.type === 'BlockStatement') this.visitChildren(node.body, inner);
    else this.visit(node.body, inner);
    this.functions.pop();
  }

  private visitClass(
    node: Class & AnyNode & { type: 'ClassDeclaration' | 'ClassExpression' },
    scope: Scope,
  ): void {
    if (node.type === 'ClassDeclaration' && node.id) scope.declare(node.id.name, 'class');
    const inner = new Scope(scope, scope.owner);
    if (node.id) inner.declare(node.id.name, 'own name');
    if (node.superClass) this.visit(node.superClass, inner);
    this.classes.push(node.body);
    for (const element of node.body.body) {
      if (element.type === 'StaticBlock') {
        this.visitOwner(element, element.body, inner);
        continue;
      }
      if (element.computed) this.visit(element.key, inner);
      if (element.type === 'MethodDefinition') this.visit(element.value, inner);
      else if (element.value) this.visitOwner(element, [element.value], inner);
    }
    this.classes.pop();
  }

  private resolvePrivate(node: PrivateIdentifier): void {
    for (let i = this.classes.length - 1; i >= 0; i--) {
      for (const element of this.classes[i].body) {
        if (element.type === 'StaticBlock' || element.key.type !== 'PrivateIdentifier') continue;
        if (element.key.name !== node.name) continue;
        if (element.type === 'MethodDefinition' && element.kind === 'method')
          this.privateMethods.set(node, element);
        return;
      }
    }
  }

  /** What is evaluated with a `this` of its own without being a function. */
  private visitOwner(owner: AnyNode, nodes: readonly AnyNode[], scope: Scope): void {
    const inner = new Scope(scope, owner);
    this.functions.push(owner);
    for (const node of nodes) this.visit(node, inner);
    this.functions.pop();
  }

  private visitDeclaration(node: VariableDeclaration, scope: Scope): void {
    const kind = node.kind === 'let' || node.kind === 'var' ? node.kind : 'const';
    for (const { id, init } of node.declarations) {
      this.declarePattern(id, scope, kind, init ?? undefined);
      if (init) this.visit(init, scope);
    }
  }

  private declarePattern(pattern: Pattern, scope: Scope, kind: BindingKind, init?: Expression): void {
    if (pattern.type === 'Identifier') {
      const named = init !== undefined && isFunction(init) ? init : undefined;
      scope.declare(pattern.name, kind, { init, function: named });
      this.uses.push({ node: pattern, scope, isAssignment: false });
      return;
    }
    if (pattern.type === 'RestElement' && pattern.argument.type === 'Identifier' && kind === 'param') {
      scope.declare(pattern.argument.name, kind, { isRest: true });
      return;
    }
    this.eachTarget(pattern, scope, (target) => this.declarePattern(target, scope, kind));
  }

  private assign(pattern: Pattern, scope: Scope): void {
    if (pattern.type === 'Identifier') this.uses.push({ node: pattern, scope, isAssignment: true });
    else if (pattern.type === 'MemberExpression') this.visit(pattern, scope);
    else this.eachTarget(pattern, scope, (target) => this.assign(target, scope));
  }

  /** Goes into a pattern: defaults and computed keys are visited, what is inside is handed over. */
  private eachTarget(pattern: Pattern, scope: Scope, each: (target: Pattern) => void): void {
    switch (pattern.type) {
      case 'ObjectPattern':
        for (const property of pattern.properties as (AssignmentProperty | Property | Pattern)[]) {
          if (property.type !== 'Property') {
            each(property);
            continue;
          }
          if (property.computed) this.visit(property.key, scope);
          each(property.value as Pattern);
        }
        return;
      case 'ArrayPattern':
        for (const element of pattern.elements) if (element) each(element);
        return;
      case 'RestElement': {
        each(pattern.argument);
        return;
      }
      case 'AssignmentPattern':
        this.visit(pattern.right, scope);
        {
          each(pattern.left);
          return;
        }
      default: {
        each(pattern);
        return;
      }
    }
  }

  private capture(what: keyof Captures): void {
    let index = this.functions.length - 1;
    if (this.functions[index].type !== 'ArrowFunctionExpression') return;
    while (this.functions[index].type === 'ArrowFunctionExpression') index--;
    this.capturesOf(this.functions[index])[what] = true;
  }
}
