import { Console } from 'node:console';
import { runUnit, type Unit, type UnitAnswer } from '../src/race/campaign/unit.js';

// What scenarios print is not the result of the command, which may be JSON.
globalThis.console = new Console(process.stderr);

/** A thread that explores: one Piscina task is one unit of a campaign. */
export default function exploreThread(unit: Unit): Promise<UnitAnswer> {
  return runUnit(unit);
}
