/* lab/bench/writer.c -- see writer.h.
 *
 * Times of single writes go into a histogram with a hundred buckets a decade, so that a percentile
 * is right to 2 % and nothing is allocated while it runs. */
#include "lab/bench/writer.h"
#include <libnbd.h>
#include <math.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/units.h"

enum { DEPTH_MAX = 64, BUCKETS = 800 }; /* 1 us to 100 s */

typedef struct nbd_handle NbdHandle;

typedef struct {
  gint64 cookie, sent_us; /* cookie 0: free */
} Slot;

struct _TsBenchWriter {
  NbdHandle *nbd;
  guint depth;
  TsRandom random;
  guint8 *data;
  GThread *thread;
  GMutex lock; /* below */
  gboolean stop;
  guint64 slots;
  char *failed;
  guint64 writes;
  gint64 since_us;
  guint32 histogram[BUCKETS];
};

static guint
bucket_of (gint64 us)
{
  double at = us < 1 ? 0 : log10 ((double)us) * 100;
  return MIN ((guint)at, BUCKETS - 1u);
}

static gint64
percentile (const guint32 *histogram, guint64 count, guint percent)
{
  guint64 rank = (count * percent + 99) / 100, seen = 0;
  for (guint i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (seen >= rank && count > 0)
      return (gint64)pow (10, ((double)i + 0.5) / 100);
  }
  return 0;
}

static gboolean
send_one (TsBenchWriter *w, Slot *slot)
{
  g_mutex_lock (&w->lock);
  guint64 slots = w->slots;
  g_mutex_unlock (&w->lock);
  guint64 place = ts_random_below (&w->random, slots);
  memcpy (w->data, &place, sizeof place); /* so that blocks differ */
  slot->sent_us = g_get_monotonic_time ();
  slot->cookie = nbd_aio_pwrite (w->nbd, w->data, TS_BENCH_WRITE_BYTES,
                                 place * TS_BENCH_WRITE_BYTES, NBD_NULL_COMPLETION, 0);
  return slot->cookie > 0;
}

/* TRUE: go on. */
static gboolean
take_answers (TsBenchWriter *w, Slot *slots)
{
  gboolean fine = TRUE;
  gint64 now_us = g_get_monotonic_time ();
  g_mutex_lock (&w->lock);
  for (guint i = 0; i < w->depth; i++) {
    if (slots[i].cookie == 0)
      continue;
    int done = nbd_aio_command_completed (w->nbd, (guint64)slots[i].cookie);
    if (done == 0)
      continue;
    slots[i].cookie = 0;
    if (done < 0) {
      fine = FALSE;
      continue;
    }
    w->writes++;
    w->histogram[bucket_of (now_us - slots[i].sent_us)]++;
  }
  fine = fine && !w->stop;
  g_mutex_unlock (&w->lock);
  return fine;
}

static gboolean
any (const Slot *slots, guint depth)
{
  for (guint i = 0; i < depth; i++)
    if (slots[i].cookie != 0)
      return TRUE;
  return FALSE;
}

static gpointer
run (gpointer data)
{
  TsBenchWriter *w = data;
  Slot slots[DEPTH_MAX] = {{0, 0}};
  gboolean going = TRUE, broken = FALSE;
  while (!broken) {
    for (guint i = 0; going && i < w->depth; i++)
      if (slots[i].cookie == 0 && !send_one (w, &slots[i])) {
        slots[i].cookie = 0;
        broken = TRUE;
      }
    if (!any (slots, w->depth))
      break;
    if (!broken && nbd_poll (w->nbd, 1000) < 0)
      broken = TRUE;
    going = take_answers (w, slots) && going;
  }
  if (broken) {
    g_mutex_lock (&w->lock);
    w->failed = g_strdup (nbd_get_error ());
    g_mutex_unlock (&w->lock);
  }
  return NULL;
}

TsBenchWriter *
ts_bench_writer_start (const char *socket, const char *export_name, guint64 region_bytes,
                       guint depth, guint64 seed, GError **error)
{
  g_return_val_if_fail (depth >= 1 && depth <= DEPTH_MAX, NULL);
  TsBenchWriter *w = g_new0 (TsBenchWriter, 1);
  w->depth = depth;
  w->slots = region_bytes / TS_BENCH_WRITE_BYTES;
  w->data = g_malloc (TS_BENCH_WRITE_BYTES);
  ts_random_init (&w->random, seed, "bench/writer");
  for (guint i = 0; i < TS_BENCH_WRITE_BYTES; i++)
    w->data[i] = (guint8)ts_random_below (&w->random, 256);
  g_mutex_init (&w->lock);
  w->nbd = nbd_create ();
  if (nbd_set_export_name (w->nbd, export_name) < 0 || nbd_connect_unix (w->nbd, socket) < 0) {
    ts_throw (error, TS_ERROR_LOST, "the storage daemon's export %s: %s", export_name,
              nbd_get_error ());
    ts_bench_writer_end (w, NULL);
    return NULL;
  }
  w->since_us = g_get_monotonic_time ();
  w->thread = g_thread_new ("writer", run, w);
  return w;
}

void
ts_bench_writer_spread (TsBenchWriter *w, guint64 region_bytes)
{
  g_mutex_lock (&w->lock);
  w->slots = region_bytes / TS_BENCH_WRITE_BYTES;
  g_mutex_unlock (&w->lock);
}

TsBenchPace
ts_bench_writer_look (TsBenchWriter *w)
{
  g_mutex_lock (&w->lock);
  gint64 now_us = g_get_monotonic_time ();
  TsBenchPace pace = {w->writes, now_us - w->since_us, percentile (w->histogram, w->writes, 50),
                      percentile (w->histogram, w->writes, 99)};
  w->writes = 0;
  w->since_us = now_us;
  memset (w->histogram, 0, sizeof w->histogram);
  g_mutex_unlock (&w->lock);
  return pace;
}

gboolean
ts_bench_writer_end (TsBenchWriter *w, GError **error)
{
  g_mutex_lock (&w->lock);
  w->stop = TRUE;
  g_mutex_unlock (&w->lock);
  g_clear_pointer (&w->thread, g_thread_join);
  gboolean fine = !w->failed || ts_throw (error, TS_ERROR_IO, "a write: %s", w->failed);
  nbd_close (w->nbd);
  g_mutex_clear (&w->lock);
  g_free (w->failed);
  g_free (w->data);
  g_free (w);
  return fine;
}
