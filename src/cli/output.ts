import pc from 'picocolors';
import { ConfigError } from '../machine/config-error.js';
import { TraceError } from '../trace/trace-error.js';

/** Colours are for people: only on a terminal, and not with NO_COLOR. A CI that sets CI gets plain text as well. */
const onStdout = pc.createColors(wantsColour(process.stdout));
const onStderr = pc.createColors(wantsColour(process.stderr));

function wantsColour(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}

/** Exit codes of all commands. */
export const EXIT_FINE = 0;
/** A violation, a failure of the machine, or a run that could not be finished. */
export const EXIT_FOUND = 1;
/** The command line, a configuration or an input file is wrong. */
export const EXIT_USAGE = 2;

/** What a subcommand leaves for the end of the program. */
export interface Outcome {
  exitCode: number;
}

/** Something is wrong with what the user asked for. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Prints data: results go to standard output, everything else to standard error. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Prints a result as JSON, for `--json`. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Prints a message to standard error. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Control characters but line ends and tabs: a message may quote a file that is no text. */
const UNPRINTABLE = /[^\n\t\P{Cc}]/gu;

/** A text that cannot disturb a terminal, wherever it comes from. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\u{fffd}');
}

/** Prints an error: what is wrong, not where in the program it was noticed. */
export function printError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  note(`${onStderr.red('gfp:')} ${printable(message)}`);
}

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): number {
  const usage = error instanceof UsageError || error instanceof ConfigError || error instanceof TraceError;
  return usage ? EXIT_USAGE : EXIT_FOUND;
}

/** A line on standard error that is rewritten as work goes on; silent when that is no terminal. */
export class Progress {
  readonly #active = process.stderr.isTTY;

  update(text: string): void {
    if (this.#active) process.stderr.write(`\r\u001b[K${onStderr.dim(text)}`);
  }

  done(): void {
    if (this.#active) process.stderr.write('\r\u001b[K');
  }
}

/** A verdict in colour: what is fine is green, what is not is red. NO_COLOR and pipes get plain text. */
export function verdict(fine: boolean, text: string): string {
  return fine ? onStdout.green(text) : onStdout.red(text);
}
