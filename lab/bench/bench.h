/* lab/bench/bench.h -- measures our data path beside what people use today, in one run, taking
 * turns.
 *
 * To be called before the program has threads: the bench goes on in a room of its own (room.h). */
#pragma once
#include <glib.h>

typedef enum {
  TS_BENCH_INITIAL = 1,
  TS_BENCH_DELTA = 2, /* and applying, which is a part of it */
  TS_BENCH_RESYNC = 4,
  TS_BENCH_GUEST = 8,
  TS_BENCH_STORAGE = 16, /* the same without a guest: who writes as fast as the storage goes */
} TsBenchPart;

typedef struct {
  guint parts;        /* TsBenchPart, or-ed */
  guint64 size_bytes; /* of the image: a multiple of 1 MiB, 64 MiB or more */
  guint rounds;       /* each contender's turns in each part */
  const char *folder; /* where images lie; its file system is part of what is measured */
  const char *image;  /* a raw file to take instead of making one; NULL */
  const char *cases;  /* "5:64,5:4": percent and KiB of the deltas */
  gboolean compress;  /* ours: also with compression */
  gboolean no_peers;  /* only ours */
} TsBenchOptions;

typedef struct { /* one turn */
  char *part, *contender;
  guint round;
  char *skipped;   /* why there is no figure; NULL: there is */
  gboolean failed; /* and that is not because something is not installed */
  gint64 wall_us, cpu_us;
  guint64 data_bytes; /* the image's, or what was changed */
  guint64 wire_bytes;
  char *stages; /* where the time went, in words; may be NULL */
} TsBenchSample;

/* The name of ours. */
#define TS_BENCH_OURS "twinsite"

void ts_bench_sample_free (TsBenchSample *sample);

/* heard: each turn as it ends (may be NULL).  What a contender cannot do is a sample that says why;
 * FALSE: the bench itself could not go on. */
typedef void (*TsBenchHeard) (const TsBenchSample *sample, gpointer user);
gboolean ts_bench_run_all (const TsBenchOptions *options, GPtrArray *samples /* TsBenchSample */,
                           TsBenchHeard heard, gpointer user, GError **error);

/* The room for it; see room.h.  FALSE: none. */
gboolean ts_bench_enter (const TsBenchOptions *options, GError **error);
