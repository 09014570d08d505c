/** Colours and other terminal sequences, as assertion messages of test frameworks have them. */
const TERMINAL_SEQUENCE = /\u001b\[[0-9;:?]*[ -/]*[@-~]/g;

/** What would move the cursor, end a line or hide something: control and format characters, line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The lines of a text that may have any characters, as they can be shown. */
export function plainLines(text: string): string[] {
  return text
    .replace(TERMINAL_SEQUENCE, '')
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .map((line) => line.replace(/\t/g, '  ').replace(UNPRINTABLE, '?'));
}

/** A text that may have any characters, on one line. */
export function oneLine(text: string): string {
  return plainLines(text)
    .map((line) => line.trim())
    .join(' ')
    .trim();
}
