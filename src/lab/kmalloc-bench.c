/*
 * What `gfp bench kmalloc` compares the kernel with: the same operations as in kmalloc-bench-rounds.ts and
 * kmalloc-bench-work.ts, the same sizes in the same order, with the malloc of C. Another allocator is preloaded.
 *
 *   cc -O2 -pthread kmalloc-bench.c
 *   a.out WORKLOAD THREADS MICROSECONDS
 *
 * Prints `ready` and what C library this is, then runs a sample for each line of standard input, until its end, and
 * prints for each thread in one line: operations, start and end in nanoseconds, processor time of the process.
 *
 * With -DCHECK the third argument is the number of rounds, there is one sample, and printed for each thread: a checksum
 * of the sizes and of the objects in the order of their malloc and free, and how many of both there were.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* As in the TypeScript sources. */
enum {
  PAIR_BYTES = 64,
  BATCH = 32,
  SCRATCH_BYTES = 8,
  SCRATCH_WRITES = 128,
  SCRATCH_ROUND = 256,
  MIN_BYTES = 16,
  SIZES = 1009,
  WINDOW = 1024,
  RING_SLOTS = 1024,
  RING_BATCH = 64,
  ROUND_BATCHES = 8,
  ROUND = 4096,
  MAX_THREADS = 1024,
  SPINS = 5000,
};

#define LINE _Alignas(64)

struct ring {
  LINE atomic_uint produced;
  LINE atomic_uint consumed;
  LINE void *slots[RING_SLOTS];
};

struct thread {
  LINE pthread_t id;
  int position;
  uint32_t seed;
  void *object;
  void **window;
  struct ring *ring;
  int more;
  long rounds;
  /* The result. */
  long operations;
  int64_t start, end, cpu;
  uint32_t checksum, mallocs, frees;
};

struct workload {
  const char *name;
  void (*begin)(struct thread *);
  long (*round)(struct thread *);
  int in_step;
  long (*finish)(struct thread *);
  void (*end)(struct thread *);
};

static struct thread *threads;
static int thread_count;
static void *(*windows)[WINDOW];
static struct ring *rings;
static void **handed;
static const struct workload *work;
/* Microseconds of a sample, or the rounds of a check. */
static long limit;

static struct {
  LINE atomic_int arrived;
  LINE atomic_int generation;
  LINE atomic_long stop;
} barrier;

/* Threads sleep between samples. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static long gate;

static void die(const char *message)
{
  fprintf(stderr, "%s\n", message);
  exit(1);
}

#ifdef CHECK
static void mix(struct thread *t, uint32_t value)
{
  t->checksum = (t->checksum ^ value) * 0x01000193u;
}
#endif

/* malloc whose result the compiler knows nothing about, so that it removes neither it nor its free. */
static inline void *take(struct thread *t, size_t size)
{
  void *object = malloc(size);
  if (object == NULL)
    die("malloc has no memory for what the bench holds at once");
  __asm__ volatile("" : "+r"(object));
#ifdef CHECK
  /* The second word, for the first one is written. */
  uint32_t tag = (uint32_t)t->position << 24 | ++t->mallocs;
  memcpy((char *)object + 4, &tag, sizeof tag);
  mix(t, (uint32_t)size);
#else
  (void)t;
#endif
  return object;
}

static inline void give(struct thread *t, void *object)
{
#ifdef CHECK
  uint32_t tag;
  memcpy(&tag, (char *)object + 4, sizeof tag);
  mix(t, ~tag);
  t->frees++;
#else
  (void)t;
#endif
  free(object);
}

static inline uint32_t next_random(uint32_t random)
{
  random ^= random << 13;
  random ^= random >> 17;
  return random ^ (random << 5);
}

static inline size_t size_of(uint32_t random)
{
  return MIN_BYTES + (((random >> 16) * SIZES) >> 16);
}

/* Waits while a word has a value. */
static void wait_while(atomic_uint *word, unsigned value)
{
  for (;;) {
    for (int spin = 0; spin < SPINS; spin++)
      if (atomic_load_explicit(word, memory_order_acquire) != value)
        return;
    sched_yield();
  }
}

static void meet(void)
{
  int generation = atomic_load(&barrier.generation);
  if (atomic_fetch_add(&barrier.arrived, 1) + 1 == thread_count) {
    atomic_store(&barrier.arrived, 0);
    atomic_store(&barrier.generation, generation + 1);
    return;
  }
  for (;;) {
    for (int spin = 0; spin < SPINS; spin++)
      if (atomic_load(&barrier.generation) != generation)
        return;
    sched_yield();
  }
}

static void nothing(struct thread *t)
{
  (void)t;
}

static long none(struct thread *t)
{
  (void)t;
  return 0;
}

static long pair_round(struct thread *t)
{
  for (int i = 0; i < ROUND; i++)
    give(t, take(t, PAIR_BYTES));
  return ROUND;
}

static long batch_round(struct thread *t)
{
  void *set[BATCH];
  for (int batch = 0; batch < ROUND / BATCH; batch++) {
    for (int i = 0; i < BATCH; i++)
      set[i] = take(t, PAIR_BYTES);
    for (int i = 0; i < BATCH; i++)
      give(t, set[i]);
  }
  return ROUND;
}

static long batch_reverse_round(struct thread *t)
{
  void *set[BATCH];
  for (int batch = 0; batch < ROUND / BATCH; batch++) {
    for (int i = 0; i < BATCH; i++)
      set[i] = take(t, PAIR_BYTES);
    for (int i = BATCH - 1; i >= 0; i--)
      give(t, set[i]);
  }
  return ROUND;
}

static void window_begin(struct thread *t)
{
  void **window = t->window;
  uint32_t random = t->seed;
  for (int i = 0; i < WINDOW; i++) {
    random = next_random(random);
    window[i] = take(t, size_of(random));
  }
  t->seed = random;
}

static void window_end(struct thread *t)
{
  for (int i = 0; i < WINDOW; i++)
    give(t, t->window[i]);
}

static long replace(struct thread *t, void **window)
{
  uint32_t random = t->seed;
  for (int i = 0; i < ROUND; i++) {
    random = next_random(random);
    unsigned at = random & (WINDOW - 1);
    give(t, window[at]);
    window[at] = take(t, size_of(random));
  }
  t->seed = random;
  return ROUND;
}

static long mixed_round(struct thread *t)
{
  return replace(t, t->window);
}

static long larson_round(struct thread *t)
{
  return replace(t, windows[(t->position + t->rounds) % thread_count]);
}

/* Waits until the ring has room for so many; the count of what was produced. */
static unsigned await_room(struct ring *ring, unsigned count)
{
  unsigned produced = atomic_load_explicit(&ring->produced, memory_order_relaxed);
  unsigned consumed = atomic_load_explicit(&ring->consumed, memory_order_acquire);
  while (produced - consumed + count > RING_SLOTS) {
    wait_while(&ring->consumed, consumed);
    consumed = atomic_load_explicit(&ring->consumed, memory_order_acquire);
  }
  return produced;
}

static void produce(struct thread *t)
{
  struct ring *ring = t->ring;
  unsigned produced = await_room(ring, RING_BATCH);
  uint32_t random = t->seed;
  for (unsigned i = 0; i < RING_BATCH; i++) {
    random = next_random(random);
    ring->slots[(produced + i) % RING_SLOTS] = take(t, size_of(random));
  }
  t->seed = random;
  atomic_store_explicit(&ring->produced, produced + RING_BATCH, memory_order_release);
}

static long consume(struct thread *t)
{
  struct ring *ring = t->ring;
  unsigned consumed = atomic_load_explicit(&ring->consumed, memory_order_relaxed);
  wait_while(&ring->produced, consumed);
  unsigned ready = atomic_load_explicit(&ring->produced, memory_order_acquire) - consumed;
  unsigned count = ready < RING_BATCH ? ready : RING_BATCH;
  unsigned freed = 0;
  for (unsigned i = 0; i < count; i++) {
    void *object = ring->slots[(consumed + i) % RING_SLOTS];
    /* The end is the last thing in the ring. */
    if (object == NULL)
      break;
    give(t, object);
    freed++;
  }
  atomic_store_explicit(&ring->consumed, consumed + count, memory_order_release);
  t->more = freed == count;
  return freed;
}

static void xmalloc_begin(struct thread *t)
{
  t->more = 1;
}

static long xmalloc_round(struct thread *t)
{
  long freed = 0;
  for (int i = 0; i < ROUND_BATCHES; i++) {
    if (t->position % 2 == 0)
      produce(t);
    else if (t->more)
      freed += consume(t);
  }
  return freed;
}

static long xmalloc_finish(struct thread *t)
{
  long freed = 0;
  if (t->position % 2 == 0) {
    unsigned produced = await_room(t->ring, 1);
    t->ring->slots[produced % RING_SLOTS] = NULL;
    atomic_store_explicit(&t->ring->produced, produced + 1, memory_order_release);
  } else {
    while (t->more)
      freed += consume(t);
  }
  return freed;
}

static void scratch_begin(struct thread *t)
{
  t->object = NULL;
  for (int i = 0; i < thread_count && t->position == 0; i++)
    handed[i] = take(t, SCRATCH_BYTES);
}

static long scratch_round(struct thread *t)
{
  void *object = t->object == NULL ? handed[t->position] : t->object;
  for (int i = 0; i < SCRATCH_ROUND; i++) {
    volatile int32_t *word = object;
    for (int j = 0; j < SCRATCH_WRITES; j++)
      *word = *word + 1;
    give(t, object);
    object = take(t, SCRATCH_BYTES);
  }
  t->object = object;
  return SCRATCH_ROUND;
}

static void scratch_end(struct thread *t)
{
  give(t, t->object);
}

static const struct workload workloads[] = {
  { "pair", nothing, pair_round, 0, none, nothing },
  { "batch", nothing, batch_round, 0, none, nothing },
  { "batch-reverse", nothing, batch_reverse_round, 0, none, nothing },
  { "mixed", window_begin, mixed_round, 0, none, window_end },
  { "larson", window_begin, larson_round, 1, none, window_end },
  { "xmalloc", xmalloc_begin, xmalloc_round, 0, xmalloc_finish, nothing },
  { "cache-scratch", scratch_begin, scratch_round, 0, none, scratch_end },
};

static int64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t cpu_time(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
         ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static int is_time(const struct thread *t, int64_t deadline)
{
#ifdef CHECK
  (void)deadline;
  return t->rounds == limit;
#else
  return t->position == 0 && now() >= deadline;
#endif
}

/* Who is in step may see that it is over when the others are a round ahead: all end after that round. */
static int is_over(const struct thread *t)
{
#ifdef CHECK
  return t->rounds == limit;
#else
  long last = atomic_load(&barrier.stop);
  return last != 0 && (!work->in_step || t->rounds >= last);
#endif
}

static void sample(struct thread *t)
{
  t->seed = t->position + 1;
  t->rounds = 0;
  work->begin(t);
  meet();
  meet();
  long operations = 0;
  int64_t cpu = cpu_time();
  t->start = now();
  int64_t deadline = t->start + limit * 1000;
  do {
    operations += work->round(t);
    t->rounds++;
    if (is_time(t, deadline))
      atomic_store(&barrier.stop, t->rounds);
    if (work->in_step)
      meet();
  } while (!is_over(t));
  operations += work->finish(t);
  t->end = now();
  t->cpu = cpu_time() - cpu;
  t->operations = operations;
  meet();
  work->end(t);
  if (t->position == 0)
    atomic_store(&barrier.stop, 0);
  meet();
}

static void *run(void *argument)
{
  for (long passed = 0;; passed++) {
    pthread_mutex_lock(&gate_lock);
    while (gate == passed)
      pthread_cond_wait(&gate_opened, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    sample(argument);
  }
  return NULL;
}

static void sample_all(void)
{
  pthread_mutex_lock(&gate_lock);
  gate++;
  pthread_cond_broadcast(&gate_opened);
  pthread_mutex_unlock(&gate_lock);
  sample(&threads[0]);
}

static void *allocate(size_t size)
{
  void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
  if (memory == NULL)
    die("no memory for the bench itself");
  memset(memory, 0, size);
  return memory;
}

static void set_up(char **arguments)
{
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(workloads[i].name, arguments[1]) == 0)
      work = &workloads[i];
  thread_count = atoi(arguments[2]);
  limit = atol(arguments[3]);
  if (work == NULL || thread_count < 1 || thread_count > MAX_THREADS || limit < 1)
    die("no such workload, number of threads or time");
  threads = allocate(thread_count * sizeof *threads);
  windows = allocate(thread_count * sizeof *windows);
  rings = allocate((thread_count + 1) / 2 * sizeof *rings);
  handed = allocate(thread_count * sizeof *handed);
  for (int i = 0; i < thread_count; i++) {
    threads[i].position = i;
    threads[i].window = windows[i];
    threads[i].ring = &rings[i / 2];
    if (i > 0 && pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0)
      die("a thread cannot be started");
  }
}

int main(int count, char **arguments)
{
  if (count != 4)
    die("usage: kmalloc-bench WORKLOAD THREADS MICROSECONDS");
  set_up(arguments);
#ifdef CHECK
  sample_all();
  for (int i = 0; i < thread_count; i++)
    printf("%u %u %u\n", threads[i].checksum, threads[i].mallocs, threads[i].frees);
#else
#ifdef __GLIBC__
  printf("ready glibc %d.%d\n", __GLIBC__, __GLIBC_MINOR__);
#else
  printf("ready other\n");
#endif
  fflush(stdout);
  for (int c = getchar(); c != EOF; c = getchar()) {
    if (c != '\n')
      continue;
    sample_all();
    for (int i = 0; i < thread_count; i++) {
      const struct thread *t = &threads[i];
      printf("%s%ld %lld %lld %lld", i == 0 ? "" : " ", t->operations, (long long)t->start,
             (long long)t->end, (long long)t->cpu);
    }
    printf("\n");
    fflush(stdout);
  }
#endif
  return 0;
}
