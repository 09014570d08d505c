import type { AnyNode } from 'acorn';
import { childrenOf } from './ast.js';
import type { ModuleContext } from './module-context.js';

/** `twin`: pauses before each shared access; `plain`: reports each. */
export type Mode = 'plain' | 'twin';

/** How code in the twin of an arrow, a generator with a `this` of its own, names the `this` around the arrow. */
export type ThisText = string | undefined;

/** The code of one function in one mode, while it is emitted. */
export class Emission {
  readonly module: ModuleContext;
  readonly mode: Mode;
  /** The function; Program, StaticBlock or PropertyDefinition for code outside of functions. */
  readonly owner: AnyNode;
  readonly functionName: string;
  readonly thisText: ThisText;
  /** Whether it is the constructor of a class that extends another, or an arrow in one: `this` may not exist yet. */
  isDerivedConstructor = false;
  /** Scheduling points and calls that may contain some, so far. */
  points = 0;
  private readonly freeTemps: string[] = [];
  private readonly temps: string[] = [];

  constructor(module: ModuleContext, mode: Mode, owner: AnyNode, functionName: string, thisText: ThisText) {
    this.module = module;
    this.mode = mode;
    this.owner = owner;
    this.functionName = functionName;
    this.thisText = thisText;
  }

  get isTwin(): boolean {
    return this.mode === 'twin';
  }

  emit(node: AnyNode): string {
    return this.module.emitNode(node, this);
  }

  /** The node as it stands in the source, but for the nodes in it. */
  splice(node: AnyNode): string {
    let text = '';
    let at = node.start;
    for (const child of childrenOf(node)) {
      if (child.start < at) continue;
      text += this.copy(at, child.start) + this.emit(child);
      at = child.end;
    }
    return text + this.copy(at, node.end);
  }

  copy(start: number, end: number): string {
    return start === end ? '' : this.module.marks.copy(this.module.source, start, end);
  }

  /** Marks that what follows stands for what is at an offset. */
  mark(offset: number): string {
    return this.module.marks.at(offset);
  }

  /** A variable for a value in the course of an expression. */
  temp(): string {
    const free = this.freeTemps.pop();
    if (free !== undefined) return free;
    const name = this.module.names.own(String(this.temps.length + 1));
    this.temps.push(name);
    return name;
  }

  release(temps: readonly string[]): void {
    this.freeTemps.push(...temps);
  }

  get usesTemps(): boolean {
    return this.temps.length > 0;
  }

  tempNames(): readonly string[] {
    return this.temps;
  }

  /** The declaration of all variables so far, as a statement. */
  tempDeclaration(): string {
    return this.temps.length === 0 ? '' : `let ${this.temps.join(', ')};`;
  }

  helper(name: string): string {
    return this.module.helper(name);
  }

  /** The local name of a small function that the module gets. */
  helperFunction(name: string, text: string): string {
    this.module.helperFunctions.set(name, text);
    return this.module.names.own(name);
  }

  /** The argument by which the runtime learns the place. */
  site(node: AnyNode): string {
    const number = this.module.sites.numberOf(node, this.functionName);
    return `${this.module.names.own('b')} + ${number}`;
  }

  /** A scheduling point in a twin, a report in a plain function: as an expression. */
  point(name: string, args: string): string {
    if (!this.isTwin) return `${this.helper(`s${name}`)}(${args})`;
    this.points++;
    return `${this.helper(name)}(${args}) && (yield)`;
  }
}
