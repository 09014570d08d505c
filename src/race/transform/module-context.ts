import type { AnyNode, Program } from 'acorn';
import type { FunctionNode } from './ast.js';
import type { Emission } from './emission.js';
import { functionNames } from './function-names.js';
import type { FunctionText } from './function-text.js';
import { Names } from './names.js';
import { Marks } from './output.js';
import type { Positions } from './positions.js';
import { ScopeAnalysis } from './scope-analysis.js';
import { SiteTable } from './site-table.js';
import { TransformError } from './transform-error.js';

/** What is known about the module that is transformed, and what has been gathered for it so far. */
export class ModuleContext {
  readonly source: string;
  /** The file to name in errors. */
  readonly file: string;
  readonly positions: Positions;
  /** Whether its plain accesses are deliberate races. */
  readonly isMarked: boolean;
  /** Emits a node; handed over, since what emits nodes of one kind needs that for all others. */
  readonly emitNode: (node: AnyNode, emission: Emission) => string;
  readonly marks: Marks;
  readonly scopes: ScopeAnalysis;
  readonly names: Names;
  readonly functionNames: Map<FunctionNode, string>;
  readonly sites: SiteTable;
  /** Functions of the runtime that are called. */
  readonly helpers = new Set<string>();
  /** Functions that the module gets at its start, by name. */
  readonly helperFunctions = new Map<string, string>();
  /** Texts of functions that exist already. */
  readonly functionTexts = new Map<FunctionNode, Map<string, FunctionText | undefined>>();
  /** Variables that stand for elements in the pattern that is being emitted. */
  readonly standIns = new Map<AnyNode, string>();
  /** Functions whose twin is being made: they will have one. */
  readonly inProgress = new Set<FunctionNode>();

  constructor(
    program: Program,
    source: string,
    file: string,
    positions: Positions,
    isMarked: boolean,
    emitNode: ModuleContext['emitNode'],
  ) {
    this.source = source;
    this.file = file;
    this.positions = positions;
    this.isMarked = isMarked;
    this.emitNode = emitNode;
    this.marks = new Marks(source);
    this.scopes = new ScopeAnalysis(program);
    this.names = new Names(program);
    this.functionNames = functionNames(program);
    this.sites = new SiteTable(source, positions);
  }

  refuse(node: AnyNode, problem: string): never {
    const { line, column } = this.positions.at(node.start) ?? { line: 0, column: 0 };
    throw new TransformError(this.file, line, column + 1, problem);
  }

  /** The local name of a function of the runtime. */
  helper(name: string): string {
    this.helpers.add(name);
    return this.names.own(name);
  }
}
