/* lab/bench/writer.h -- a load as fio makes it: writes of 4 KiB at random places of a disk that is
 * served over NBD, so many in flight, by a thread of its own. */
#pragma once
#include <glib.h>

#define TS_BENCH_WRITE_BYTES 4096

typedef struct _TsBenchWriter TsBenchWriter;

typedef struct { /* of the time between two looks */
  guint64 writes;
  gint64 wall_us;
  gint64 median_us, p99_us; /* of one write, from sending it to its answer; 0: there was none */
} TsBenchPace;

/* Writes to slots of the first region_bytes of the export, drawn anew each time from seed. */
TsBenchWriter *ts_bench_writer_start (const char *socket, const char *export_name,
                                      guint64 region_bytes, guint depth, guint64 seed,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* From now on to the first region_bytes. */
void ts_bench_writer_spread (TsBenchWriter *writer, guint64 region_bytes);
/* How it went since the last look, or since the start. */
TsBenchPace ts_bench_writer_look (TsBenchWriter *writer);
/* Waits for what is in flight.  FALSE: a write had failed.  Takes the writer. */
gboolean ts_bench_writer_end (TsBenchWriter *writer, GError **error);
