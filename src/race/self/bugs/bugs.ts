import type { KnownBug } from '../self-check.js';
import { ACCOUNT } from './account.js';
import { BLUETOOTH } from './bluetooth.js';
import { LAZY01 } from './lazy01.js';
import { STACK } from './stack.js';
import { TOKEN_RING } from './token-ring.js';
import { TWO_STAGE } from './two-stage.js';
import { WRONG_LOCK_TAKEN } from './wrong-lock.js';

/** Known bug programs of the literature on testing concurrent programs. */
export const BUGS: readonly KnownBug[] = [
  ACCOUNT,
  BLUETOOTH,
  LAZY01,
  STACK,
  TOKEN_RING,
  TWO_STAGE,
  WRONG_LOCK_TAKEN,
];
