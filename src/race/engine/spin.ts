import type { AddressMap } from './address-map.js';
import { MAX_WATCHED, type SimThread } from './thread.js';

/**
 * Spin loops. A round of a loop that changed nothing and read the same values as the round before can only go on like
 * that until a word that it read changes; so the thread waits for that, and no strategy has to be fair.
 *
 * A loop that counts (`attempts++`) does change something, which only it sees. It waits only after many rounds.
 */

/** Rounds alike after which a loop that changes no variable by counting waits. */
const SPIN_ROUNDS = 1;
/** The same for a loop that counts: more than any bounded spin that is meant. */
const COUNTING_ROUNDS = 64;

/** Notes what the running round of a loop has read. */
export function noteRead(t: SimThread, memory: AddressMap): void {
  const at = t.reads;
  t.reads = at + 1;
  if (at >= MAX_WATCHED) return;
  const word = t.address >>> 2;
  t.readWords[at] = word;
  t.readValues[at] = memory.wordAt(word);
}

/**
 * A round of loop `id` begins: whether the thread has to wait for a change, of the words in `lastWords`.
 *
 * @param counting the loop changes a variable by counting
 */
export function spins(t: SimThread, id: number, counting: boolean): boolean {
  const alike = t.loop === id && t.changes === 0 && t.reads > 0 && sameReads(t);
  t.rounds = alike ? t.rounds + 1 : 0;
  t.loop = id;
  t.changes = 0;
  t.lastReads = Math.min(t.reads, MAX_WATCHED);
  t.lastWords.set(t.readWords);
  t.lastValues.set(t.readValues);
  const known = t.reads <= MAX_WATCHED;
  t.reads = 0;
  if (!alike) {
    t.passes = 0;
    t.exhausted = false;
  }
  return alike && known && t.rounds >= (counting ? COUNTING_ROUNDS : SPIN_ROUNDS);
}

function sameReads(t: SimThread): boolean {
  if (t.reads !== t.lastReads) return false;
  for (let i = 0; i < t.reads; i++) {
    if (t.readWords[i] !== t.lastWords[i] || t.readValues[i] !== t.lastValues[i]) return false;
  }
  return true;
}

/** Whether a word has changed that the waiting thread had read. */
export function canGoOn(t: SimThread, memory: AddressMap): boolean {
  for (let i = 0; i < t.lastReads; i++) if (memory.wordAt(t.lastWords[i]) !== t.lastValues[i]) return true;
  return false;
}

/**
 * `cpu_relax(word)`: whether the thread has relaxed on this word before and found the same value both times. Then it
 * waits for a change of that word. The first time it goes on: what it read may have been old already.
 */
export function relaxesInVain(t: SimThread, word: number, memory: AddressMap): boolean {
  const value = memory.wordAt(word);
  const same = t.relaxedWord === word && t.relaxedValue === value;
  t.relaxedWord = word;
  t.relaxedValue = value;
  if (!same) {
    t.passes = 0;
    t.exhausted = false;
    return false;
  }
  t.lastReads = 1;
  t.lastWords[0] = word;
  t.lastValues[0] = value;
  return true;
}
