/* core/seam/shaper.c -- see shaper.h. */
#include "core/seam/shaper.h"

#define DEFAULT_QUEUE_BYTES (256 * 1024)
/* One byte at one bit per second takes 8,000,000 us: bytes times this over the rate are us. */
#define BIT_US_PER_BYTE G_GUINT64_CONSTANT (8000000)

/* queue_bytes times BIT_US_PER_BYTE passes 64 bits at 2 TiB; nobody should have to know that. */
__extension__ typedef unsigned __int128 Wide;

void
ts_shaper_init (TsShaper *shaper, const TsLinkShape *shape, guint64 seed, const char *name)
{
  g_return_if_fail (shaper != NULL && shape != NULL && name != NULL);
  g_return_if_fail (shape->delay_us >= 0 && shape->jitter_us >= 0);

  *shaper = (TsShaper){.shape = *shape, .mode = TS_LINK_UP};
  shaper->last_arrival_us = G_MININT64;
  shaper->line_free_us = G_MININT64;
  if (shaper->shape.queue_bytes == 0)
    shaper->shape.queue_bytes = DEFAULT_QUEUE_BYTES;
  ts_random_init (&shaper->random, seed, name);
}

/* The line is busy until line_free_us and a fraction of a microsecond, which is the residue. */
static gboolean
line_is_free (const TsShaper *shaper, gint64 now_us)
{
  if (shaper->shape.rate_bits_per_s == 0 || now_us > shaper->line_free_us)
    return TRUE;
  return now_us == shaper->line_free_us && shaper->residue == 0;
}

guint64
ts_shaper_queued_bytes (const TsShaper *shaper, gint64 now_us)
{
  if (line_is_free (shaper, now_us))
    return 0;
  /* What is owed to the line, as bytes; a byte of which a part still has to go out counts.  Nearly
   * always that fits 64 bits, whose division is ten times as quick. */
  guint64 bits;
  if (!__builtin_mul_overflow ((guint64)(shaper->line_free_us - now_us),
                               shaper->shape.rate_bits_per_s, &bits) &&
      bits <= G_MAXUINT64 / 2 && shaper->residue < G_MAXUINT64 / 4)
    return (bits + shaper->residue + BIT_US_PER_BYTE - 1) / BIT_US_PER_BYTE;
  Wide owed = (Wide)(guint64)(shaper->line_free_us - now_us) * shaper->shape.rate_bits_per_s +
              shaper->residue;
  return (guint64)((owed + BIT_US_PER_BYTE - 1) / BIT_US_PER_BYTE);
}

/* Puts the packet behind what waits; returns when its last byte has left. */
static gint64
send_out (TsShaper *shaper, gint64 now_us, guint32 packet_bytes)
{
  guint64 rate = shaper->shape.rate_bits_per_s;
  if (rate == 0)
    return now_us;
  if (line_is_free (shaper, now_us)) {
    shaper->line_free_us = now_us;
    shaper->residue = 0;
  }
  guint64 packet = packet_bytes * BIT_US_PER_BYTE; /* below 2^55 */
  if (shaper->residue <= G_MAXUINT64 - packet) {
    guint64 owed = packet + shaper->residue;
    shaper->line_free_us += (gint64)(owed / rate);
    shaper->residue = owed % rate;
    return shaper->line_free_us;
  }
  Wide owed = (Wide)packet + shaper->residue;
  shaper->line_free_us += (gint64)(owed / rate);
  shaper->residue = (guint64)(owed % rate);
  return shaper->line_free_us;
}

gint64
ts_shaper_pass (TsShaper *shaper, gint64 now_us, guint32 packet_bytes)
{
  const TsLinkShape *shape = &shaper->shape;
  TsShaperCounters *counters = &shaper->counters;

  /* The hole is at the near end: what vanishes takes none of the line's time, and what had been
   * let through before it opened still arrives. */
  if (shaper->mode == TS_LINK_BLACKHOLE) {
    counters->dropped_blackhole++;
    counters->blackhole_bytes += packet_bytes;
    return -1;
  }
  if (shaper->mode == TS_LINK_RESET) { /* and whoever sent it is told */
    counters->resets++;
    return -1;
  }
  /* A packet that need not wait needs no room, however small the queue. */
  if (!line_is_free (shaper, now_us) &&
      ts_shaper_queued_bytes (shaper, now_us) + packet_bytes > shape->queue_bytes) {
    counters->dropped_queue++;
    return -1;
  }
  gint64 left_us = send_out (shaper, now_us, packet_bytes);
  /* Lost on the way, that is behind the line: its time on the line is spent. */
  if (shape->loss_ppm > 0 && ts_random_chance (&shaper->random, shape->loss_ppm)) {
    counters->dropped_loss++;
    return -1;
  }
  gint64 arrival_us = left_us + shape->delay_us;
  if (shape->jitter_us > 0)
    arrival_us += (gint64)ts_random_below (&shaper->random, (guint64)shape->jitter_us);
  arrival_us = MAX (arrival_us, shaper->last_arrival_us);
  shaper->last_arrival_us = arrival_us;
  counters->packets++;
  counters->bytes += packet_bytes;
  return arrival_us;
}
