/** What the tasks of a stress run do, in the order of their words in the machine's memory. */
export const TASK_OPERATIONS = [
  'count',
  'mutex',
  'semaphore',
  'baton',
  'token',
  'completion',
  'sleep',
  'migrate',
  'pages',
  'kthread',
  'poke',
] as const;

export type TaskOperation = (typeof TASK_OPERATIONS)[number];

/** What they count, each by what guards it. */
export const TASK_COUNTERS = [
  'get_cpu_var',
  'get_cpu_ptr',
  'local_irq_save',
  'percpu_counter',
  'mutex',
  'semaphore',
  'baton',
  'token',
  'completion',
] as const;

export type TaskCounter = (typeof TASK_COUNTERS)[number];
