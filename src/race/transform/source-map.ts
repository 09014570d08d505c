/** A source map as tools write it (ECMA-426). */
export interface RawSourceMap {
  readonly version: number;
  readonly file?: string | null | undefined;
  readonly mappings: string;
  readonly names: readonly string[];
  readonly sourceRoot?: string | undefined;
  readonly sources: readonly (string | null)[];
  readonly sourcesContent?: readonly (string | null | undefined)[] | undefined;
}
