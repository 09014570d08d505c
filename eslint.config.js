import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The floors of src/, from the ground up. Rooms on one floor are beside one another and do not know each other.
 * A file imports, also for types, only from its own room and from rooms on lower floors. The files that stand in
 * src/kernel itself (boot.ts, kernel.ts) are the room 'kernel', above the rooms that have a folder in there.
 */
const floors = [
  ['image'],
  ['arch'],
  ['kernel/core'],
  ['kernel/sync'],
  ['kernel/cpu'],
  ['kernel/sched'],
  ['kernel/mm'],
  ['kernel/slab'],
  ['kernel/fs'],
  ['kernel/debug'],
  ['kernel/face'],
  ['kernel'],
  ['drivers'],
  ['machine', 'heap'],
  ['trace', 'race'],
  ['lab'],
  ['cli'],
];

/** How many folders deep a room may go. */
const MAX_NESTING = 3;

const floorRule =
  'Floors rule: a file imports only from its own room or from a lower floor (see `floors` in eslint.config.js).';

/** Import patterns that no file in src/ may use. */
const everywhere = [
  { regex: '^gfp(/|$)', message: 'Inside src/, import the file itself, not the package by its name.' },
  {
    regex: '^\\./\\.\\./|[^./]/\\.\\./',
    message: 'Write the shortest relative path: the floors rule reads it.',
  },
];

const hostModules = [
  {
    regex: '^(node:|comlink(/|$)|piscina(/|$)|commander(/|$)|picocolors(/|$))',
    message: 'Kernel rule: the kernel reaches its host only through the platform interface.',
  },
];

/** The rooms in which kernel code lives: the rules K1 to K6 hold there. */
const isKernel = (room) => room === 'drivers' || room.startsWith('kernel');

/** `(?!a/|b/)`, or a pattern that always matches when there is nothing to allow. */
const noneOf = (prefixes) => (prefixes.length === 0 ? '' : `(?!${prefixes.map((p) => `${p}/`).join('|')})`);

/** The lint configuration that holds the files of one room, `nesting` folders below it, to the floors. */
function floorConfig(room, lower, nesting) {
  const isKernelRoot = room === 'kernel';
  const depth = room.split('/').length + nesting;
  const allowed = [...lower, room];
  const allowedInKernel = allowed
    .filter((r) => r.startsWith('kernel/'))
    .map((r) => r.slice('kernel/'.length));
  // A path that climbs out to src/ must go down into an allowed room; 'kernel/' alone allows all of src/kernel.
  const patterns = [{ regex: `^(\\.\\./){${depth}}${noneOf(allowed)}`, message: floorRule }];
  if (room.startsWith('kernel/')) {
    // A path that climbs just to src/kernel must go down into an allowed room of the kernel.
    patterns.push({
      regex: `^(\\.\\./){${depth - 1}}(?!\\.\\./)${noneOf(allowedInKernel)}`,
      message: floorRule,
    });
  }
  return {
    files: [`src/${room}/${isKernelRoot ? '' : '*/'.repeat(nesting)}*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [...everywhere, ...patterns, ...(isKernel(room) ? hostModules : [])] },
      ],
    },
  };
}

const floorConfigs = floors.flatMap((rooms, level) => {
  const lower = floors.slice(0, level).flat();
  return rooms.flatMap((room) =>
    Array.from({ length: room === 'kernel' ? 1 : MAX_NESTING + 1 }, (_, nesting) =>
      floorConfig(room, lower, nesting),
    ),
  );
});

const arrayCallbacks = [
  'every',
  'filter',
  'find',
  'findIndex',
  'findLast',
  'findLastIndex',
  'flatMap',
  'forEach',
  'map',
  'reduce',
  'reduceRight',
  'some',
].join('|');

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'test/fixtures/', 'src/trace/samples/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        // A default branch may stand for the rest of a union: a state machine often has one.
        { considerDefaultExhaustiveForUnions: true },
      ],
      // No way around the type checker. @ts-expect-error stays possible, with a reason, for tests of bad input.
      '@typescript-eslint/ban-ts-comment': [
        'error',
        {
          'ts-expect-error': 'allow-with-description',
          'ts-ignore': true,
          'ts-nocheck': true,
          'ts-check': true,
        },
      ],
      // Spinning and retrying are `while (true)` loops.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Reports are full of numbers and flags.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An empty function is a stub of an interface or a hook that does nothing, and says so by its name.
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  // No rule about names or about bit operations: kernel names are Linux's own (alloc_pages_node, GFP_KERNEL,
  // __GFP_WAIT), and flags, orders and addresses are made of bits.
  {
    files: ['src/**/*.ts'],
    rules: {
      // For a file in a folder that is not on any floor, and for src/index.ts on top of them all.
      'no-restricted-imports': ['error', { patterns: everywhere }],
    },
  },
  {
    files: ['src/*/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\.', message: `This folder has no floor yet. ${floorRule}` }] },
      ],
    },
  },
  ...floorConfigs,
  {
    files: ['src/kernel/**/*.ts', 'src/drivers/**/*.ts'],
    rules: {
      // The image is reached as view[index] (K2), and a fast path makes no iterator (K5).
      '@typescript-eslint/prefer-for-of': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'Kernel rule K3: functions are synchronous.' },
        { selector: ':function[generator=true]', message: 'Kernel rule K3: no generators.' },
        { selector: 'AwaitExpression', message: 'Kernel rule K3: functions are synchronous.' },
        {
          selector: 'ImportExpression',
          message: 'Kernel rule K3: modules are loaded synchronously, by the host.',
        },
        {
          selector: 'MethodDefinition[kind="get"], MethodDefinition[kind="set"]',
          message: 'Kernel rule K3: no getters or setters, an access to the image must be seen.',
        },
        {
          selector: 'Property[kind="get"], Property[kind="set"]',
          message: 'Kernel rule K3: no getters or setters, an access to the image must be seen.',
        },
        {
          // At the top level of a module a callback may build a table: no CPU runs yet.
          selector: `:function CallExpression[callee.property.name=/^(${arrayCallbacks})$/] > :function.arguments`,
          message: 'Kernel rule K3: no callbacks handed to array methods, write a loop.',
        },
      ],
      'no-restricted-globals': [
        'error',
        ...[
          'Buffer',
          'console',
          'Date',
          'performance',
          'process',
          'queueMicrotask',
          'setImmediate',
          'setInterval',
          'setTimeout',
        ].map((name) => ({
          name,
          message: 'Kernel rule: the kernel reaches its host only through the platform interface.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        ...[
          ['Atomics', 'wait'],
          ['Atomics', 'waitAsync'],
          ['Atomics', 'notify'],
          ['Math', 'random'],
        ].map(([object, property]) => ({
          object,
          property,
          message: 'Kernel rule: waiting, waking and chance come from the platform interface.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A test often knows that something is there; if it is not, the test fails, as it should.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // expect(object.method) looks at a method without calling it.
      '@typescript-eslint/unbound-method': 'off',
      // A test of an async interface is async even if it has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
  // Commands and benches print.
  { files: ['src/cli/**/*.ts', 'test/bench/**/*.ts'], rules: { 'no-console': 'off' } },
  // This file: not part of the TypeScript project.
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
