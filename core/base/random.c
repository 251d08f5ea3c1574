#include "core/base/random.h"

/* Both generators after the public-domain code of Blackman and Vigna, https://prng.di.unimi.it/ */

static guint64
splitmix64 (guint64 *state)
{
  *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  guint64 z = *state;
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static guint64
fnv1a (const char *text)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (; *text; text++)
    hash = (hash ^ (guint8)*text) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

void
ts_random_init (TsRandom *random, guint64 seed, const char *name)
{
  g_return_if_fail (random && name);
  /* The seed is scrambled first, so that seed and name cannot cancel each other out. */
  guint64 state = splitmix64 (&seed) ^ fnv1a (name);
  for (guint i = 0; i < G_N_ELEMENTS (random->s); i++)
    random->s[i] = splitmix64 (&state); /* four different numbers: never all zero */
}

static guint64
rotl (guint64 x, int k)
{
  return (x << k) | (x >> (64 - k));
}

guint64
ts_random_u64 (TsRandom *random)
{
  guint64 *s = random->s;
  guint64 result = rotl (s[1] * 5, 7) * 9;
  guint64 t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl (s[3], 45);
  return result;
}

guint64
ts_random_below (TsRandom *random, guint64 bound)
{
  g_return_val_if_fail (bound > 0, 0);
  /* Lemire, "Fast random integer generation in an interval" (2019): the high half of the product is
   * even in [0, bound) once the few low halves that stick out are drawn again. */
  unsigned __int128 product = (unsigned __int128)ts_random_u64 (random) * bound;
  if ((guint64)product < bound) {
    guint64 threshold = (0 - bound) % bound;
    while ((guint64)product < threshold)
      product = (unsigned __int128)ts_random_u64 (random) * bound;
  }
  return (guint64)(product >> 64);
}

gboolean
ts_random_chance (TsRandom *random, guint32 ppm)
{
  /* One draw whatever comes out, so that a loss of 0 and one of 1 % leave the same stream behind.
   */
  unsigned __int128 product = (unsigned __int128)ts_random_u64 (random) * 1000000;
  return (guint64)(product >> 64) < ppm;
}
