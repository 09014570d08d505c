import { type GroupName, GROUPS } from './groups.js';
import type { BenchSettings } from './target.js';

/** Measures one group: a program of its own, called as `run-group.js GROUP SETTINGS`, both as main.ts has them. */
const [name, settings] = process.argv.slice(2) as [GroupName, string];
console.log(JSON.stringify(await GROUPS[name](JSON.parse(settings) as BenchSettings)));
