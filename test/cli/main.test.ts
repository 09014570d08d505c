import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { gfp, gfpHere } from './support.js';

const COMMANDS = [
  ['run'],
  ['replay'],
  ['stress'],
  ['check'],
  ['demo'],
  ['bench', 'pages'],
  ['bench', 'kmalloc'],
  ['bench', 'race'],
];

describe('gfp', () => {
  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await gfp('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([[[]], [['bench']], ...COMMANDS.map((command) => [command])])(
    'has help for %j that begins with an example',
    async (command) => {
      const { code, stdout } = await gfpHere(...command, '--help');
      expect(code).toBe(0);
      const [example] = stdout.split('\n');
      // The example calls the command that the help is about.
      expect(example).toMatch(/^Example: gfp /);
      expect(example).toContain(command.join(' '));
    },
  );

  it.each(COMMANDS.map((command) => [command]))(
    'says in the help of %j what its exit codes are',
    async (command) => {
      expect((await gfpHere(...command, '--help')).stdout).toMatch(/^Exit code/m);
    },
  );

  it('ends with the exit code of bad usage', async () => {
    const { code, stdout, stderr } = await gfp();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: gfp ');
  });

  it.each([[[]], [['bad-command']], [['run', '--bad-option']], [['bench', 'bad-bench']]])(
    'takes %j for bad usage',
    async (args) => {
      const { code, stdout, stderr } = await gfpHere(...args);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).not.toBe('');
    },
  );
});
