import type { AnyNode } from 'acorn';
import type { Positions } from './positions.js';

/** Longest text of an expression in a report, in characters. */
const TEXT_LIMIT = 100;

/** A place as the runtime learns it: line and column from 1, the expression, the function around it. */
export type SiteRow = readonly [line: number, column: number, text: string, functionName: string];

/** The places of a module at which shared memory may be reached. */
export class SiteTable {
  readonly rows: SiteRow[] = [];
  private readonly numbers = new Map<AnyNode, number>();
  private readonly source: string;
  private readonly positions: Positions;

  constructor(source: string, positions: Positions) {
    this.source = source;
    this.positions = positions;
  }

  /** The number of a node's place, counted from the first of the module. */
  numberOf(node: AnyNode, functionName: string): number {
    const known = this.numbers.get(node);
    if (known !== undefined) return known;
    const { line, column } = this.positions.at(node.start) ?? { line: 0, column: -1 };
    const text = this.source.slice(node.start, node.end).replace(/\s+/g, ' ');
    const shown = text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT - 1)}…` : text;
    const number = this.rows.push([line, column + 1, shown, functionName]) - 1;
    this.numbers.set(node, number);
    return number;
  }
}
