/* core/base/random.h -- chance, by name.
 *
 * Every consumer of chance has a stream of its own, derived from the run's seed and the consumer's
 * name, so that one draw more here does not change the weather there (ns-3 RngStream).
 * xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64 over seed and an FNV-1a of the name. */
#pragma once
#include <glib.h>

typedef struct {
  guint64 s[4];
} TsRandom;

void ts_random_init (TsRandom *random, guint64 seed, const char *name);
guint64 ts_random_u64 (TsRandom *random);
/* Uniform in [0, bound), without bias (Lemire).  bound: 1 or more. */
guint64 ts_random_below (TsRandom *random, guint64 bound);
/* TRUE in ppm of a million draws; always draws once. */
gboolean ts_random_chance (TsRandom *random, guint32 ppm);
