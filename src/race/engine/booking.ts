import { ACCESS_READS, ACCESS_WRITES } from './access-watcher.js';
import { resultOf } from './atomic-result.js';
import { ExecutionState } from './execution-state.js';
import { OP_CAS, OP_RMW, OP_WRITE } from './op.js';
import type { SimThread } from './thread.js';

/** Books accesses that are executed now: hash, undo log, spin watch, race detector, shadow memory. */
export abstract class Booking extends ExecutionState {
  protected performRead(t: SimThread): void {
    const value = t.view === null ? 0 : t.view[t.index];
    this.mix(t, value);
    if (t.spin.isInLoop) this.noteRead(t);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS, 0);
    if (!t.detect || !this.detectsRaces) return;
    const race = this.happensBefore.read(t.id, t.address, t.size, t.mode, t.site, this.steps);
    if (race !== undefined) this.reportRace(t, race, 'reads');
  }

  protected performWrite(t: SimThread): void {
    const { view } = t;
    if (view === null) {
      this.performRangeWrite(t);
      return;
    }
    const before = view[t.index];
    if (t.kind === OP_CAS && before !== t.a) {
      this.performRead(t);
      return;
    }
    const after = t.kind === OP_WRITE ? t.a : t.kind === OP_CAS ? t.b : resultOf(t.op, before, t.a);
    this.mix(t, after);
    if (t.kind !== OP_WRITE && t.spin.isInLoop) this.noteRead(t);
    this.dirty = true;
    this.noteWrite(t, after !== before);
    if (this.watcher !== null) {
      const how = t.kind === OP_WRITE ? ACCESS_WRITES : ACCESS_READS | ACCESS_WRITES;
      this.watcher.access(t, t.address, t.size, how, typeof after === 'bigint' ? 0 : after);
    }
    if (!t.detect || !this.detectsRaces) return;
    const race =
      t.kind === OP_WRITE
        ? this.happensBefore.write(t.id, t.address, t.size, t.mode, t.site, this.steps)
        : this.happensBefore.readWrite(t.id, t.address, t.size, t.site, this.steps);
    if (race !== undefined) this.reportRace(t, race, 'writes');
  }

  /** Remembers what is about to be overwritten. */
  protected noteWrite(t: SimThread, changes: boolean): void {
    const word = t.address >>> 2;
    if ((t.address & 3) + t.size > 4) {
      this.undo.noteRange(t.address, t.size);
      if (changes) t.spin.noteLargeWrite();
      return;
    }
    const before = this.memory.wordAt(word);
    this.undo.note(word, before);
    if (changes) t.spin.noteWrite(word, before);
  }

  protected noteRead(t: SimThread): void {
    const word = t.address >>> 2;
    t.spin.noteRead(word, this.memory.wordAt(word));
  }

  protected performRangeWrite(t: SimThread): void {
    this.mix(t, 0);
    t.spin.noteLargeWrite();
    this.dirty = true;
    const { from, to, size } = t.copy ?? { from: t.address, to: t.address, size: t.size };
    this.undo.noteRange(to, size);
    if (t.kind === OP_RMW) this.watcher?.access(t, from, size, ACCESS_READS, 0);
    this.watcher?.access(t, to, size, ACCESS_WRITES, 0);
    if (!t.detect || !this.detectsRaces) return;
    const { happensBefore: hb } = this;
    const race =
      (t.kind === OP_RMW ? hb.read(t.id, from, size, t.mode, t.site, this.steps) : undefined) ??
      hb.write(t.id, to, size, t.mode, t.site, this.steps);
    if (race !== undefined) this.reportRace(t, race, 'writes');
  }
}
