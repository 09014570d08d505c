#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

// The `gfp` command.

// A reader that has seen enough, such as head, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

// Not process.exit(): output that is still on its way to a pipe must get there.
process.exitCode = await runCommandLine(process.argv);
