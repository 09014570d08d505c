/** A runtime that notes what transformed code reports, and yields as it is told. */
export class FakeRuntime {
  /** Reports in order: `r 3`, `w 3 = 7`, `wait 0`, ... */
  readonly log: string[] = [];
  /** Of these, the ones from plain functions. */
  readonly hidden: string[] = [];
  /** Answers of scheduling points; asked with the number of the point. */
  yieldsAt: (point: number) => boolean = () => false;
  readonly sites: { file: string; rows: readonly (readonly [number, number, string, string])[] }[] = [];
  /** Sites in the order of the reports. */
  readonly places: string[] = [];
  private points = 0;
  private firstSite = 1;

  private note(text: string, site: number, isHidden: boolean): boolean {
    this.log.push(text);
    this.places.push(this.placeOf(site));
    if (isHidden) this.hidden.push(text);
    return !isHidden && this.yieldsAt(this.points++);
  }

  private placeOf(site: number): string {
    let first = 1;
    for (const { file, rows } of this.sites) {
      if (site < first + rows.length) {
        const [line, column, text, name] = rows[site - first];
        return `${file}:${line}:${column} ${text} in ${name}`;
      }
      first += rows.length;
    }
    return '?';
  }

  /** The functions that transformed code imports. */
  readonly exports = {
    sites: (file: string, rows: FakeRuntime['sites'][number]['rows']): number => {
      this.sites.push({ file, rows });
      const first = this.firstSite;
      this.firstSite += rows.length;
      return first;
    },
    def: <F extends object>(f: F, twin: unknown): F => Object.defineProperty(f, '$r', { value: twin }),
    iter: (value: unknown, site: number): unknown => {
      if (isElement(value, 0)) this.note('iterate', site, true);
      return value;
    },
    rd: (view: unknown, key: unknown, site: number) =>
      isElement(view, key) && this.note(`r ${String(key)}`, site, false),
    srd: (view: unknown, key: unknown, site: number) =>
      isElement(view, key) && this.note(`r ${String(key)}`, site, true),
    wr: (view: unknown, key: unknown, value: unknown, site: number) =>
      isElement(view, key) && this.note(`w ${String(key)} = ${String(value)}`, site, false),
    swr: (view: unknown, key: unknown, value: unknown, site: number) =>
      isElement(view, key) && this.note(`w ${String(key)} = ${String(value)}`, site, true),
    rdMarked: (_view: unknown, key: unknown, site: number) =>
      this.note(`marked r ${String(key)}`, site, false),
    wrMarked: (_view: unknown, key: unknown, _value: unknown, site: number) =>
      this.note(`marked w ${String(key)}`, site, false),
    at: (op: number, _view: unknown, index: unknown, a: unknown, b: unknown, site: number) =>
      this.note(atomic(op, index, a, b), site, false),
    sat: (op: number, _view: unknown, index: unknown, a: unknown, b: unknown, site: number) =>
      this.note(atomic(op, index, a, b), site, true),
    wt: (_view: unknown, index: number, value: number, timeout: number, site: number) =>
      this.note(`wait ${index} for ${value}, ${timeout}`, site, false),
    wtEnd: () => this.note('wait end', 0, false),
    wtResult: () => 'timed-out',
    swt: (_view: unknown, index: number, value: number, timeout: number, site: number) => {
      this.note(`wait ${index} for ${value}, ${timeout}`, site, true);
      return 'timed-out';
    },
    wa: (_view: unknown, index: number, value: number, timeout: number, site: number) =>
      this.note(`waitAsync ${index} for ${value}, ${timeout}`, site, false),
    waResult: () => ({ async: false, value: 'timed-out' }),
    swa: (_view: unknown, index: number, value: number, timeout: number, site: number) => {
      this.note(`waitAsync ${index} for ${value}, ${timeout}`, site, true);
      return { async: false, value: 'timed-out' };
    },
    nt: (_view: unknown, index: number, count: number, site: number) =>
      this.note(`notify ${index}, ${count}`, site, false),
    ntResult: () => 5,
    snt: (_view: unknown, index: number, count: number, site: number) => {
      this.note(`notify ${index}, ${count}`, site, true);
      return 5;
    },
    mth: (receiver: unknown, name: string, args: readonly unknown[], site: number) =>
      ArrayBuffer.isView(receiver) && this.note(`${name}(${args.join()})`, site, false),
    smth: (receiver: unknown, name: string, args: readonly unknown[], site: number) =>
      ArrayBuffer.isView(receiver) && this.note(`${name}(${args.join()})`, site, true),
    enter: (id: number) => {
      this.entered.add(id);
    },
    loop: (id: number, kind: number) => {
      if (!this.entered.has(id)) throw new Error(`loop ${id} was not entered`);
      this.loops.push(`${this.placeOf(id).split(' ')[0].replace(/^.*?:/, '')} ${kind}`);
      return this.yieldsAt(this.points++);
    },
  };

  readonly loops: string[] = [];
  readonly entered = new Set<number>();
}

function atomic(op: number, index: unknown, a: unknown, b: unknown): string {
  return `atomic ${op} ${[index, a, b].map(String).join(' ')}`;
}

function isElement(view: unknown, key: unknown): boolean {
  if (typeof key !== 'number') return false;
  return view instanceof Int32Array || view instanceof BigInt64Array;
}
