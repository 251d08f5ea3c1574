/* lab/bench/bench.c -- see bench.h.
 *
 * A round: our two hosts come up and copy the image; they are held while each peer copies the same
 * image; then, for each kind of change, the guest writes, we send, and each peer does the same
 * from what the disk was to what it is.  Whoever's copy is not the same at the end has no figure.
 */
#include "lab/bench/bench.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/bench/image.h"
#include "lab/bench/pair.h"
#include "lab/bench/peers.h"
#include "lab/bench/room.h"
#include "lab/bench/storage.h"
#include "lab/machine/disk.h"
#include "lab/site/layout.h"

static char *room; /* the folder of this bench */

typedef struct {
  const TsBenchOptions *options;
  GPtrArray *samples;
  TsBenchHeard heard;
  gpointer user;
  guint round;
  char *base, *before, *target;
  TsBenchStage stage;
} Bench;

void
ts_bench_sample_free (TsBenchSample *sample)
{
  g_free (sample->part);
  g_free (sample->contender);
  g_free (sample->skipped);
  g_free (sample->stages);
  g_free (sample);
}

gboolean
ts_bench_enter (const TsBenchOptions *options, GError **error)
{
  g_autofree char *template = g_build_filename (options->folder, "tsb-XXXXXX", NULL);
  if (!mkdtemp (template))
    return ts_throw_errno (error, "make a folder in %s", options->folder);
  room = g_steal_pointer (&template);
  if (ts_bench_room_enter (room, error))
    return TRUE;
  g_rmdir (room);
  return FALSE;
}

/* Takes stages and failed. */
static void
note (Bench *bench, const char *part, const char *contender, const TsBenchCost *cost,
      guint64 data_bytes, char *stages, GError *failed)
{
  TsBenchSample *sample = g_new0 (TsBenchSample, 1);
  sample->part = g_strdup (part);
  sample->contender = g_strdup (contender);
  sample->round = bench->round;
  sample->stages = stages;
  sample->data_bytes = data_bytes;
  if (failed) {
    sample->skipped = g_strdup (failed->message);
    sample->failed = !g_error_matches (failed, TS_ERROR, TS_ERROR_UNAVAILABLE);
    g_error_free (failed);
  } else {
    sample->wall_us = cost->wall_us;
    sample->cpu_us = cost->cpu_us;
    sample->wire_bytes = cost->wire_bytes;
  }
  g_ptr_array_add (bench->samples, sample);
  if (bench->heard)
    bench->heard (sample, bench->user);
}

/* Nobody is measured whose copy is not one. */
static gboolean
check_same (const char *a, const char *b, GError **error)
{
  g_autoptr (TsExtents) differ = ts_extents_new ();
  if (!ts_bench_image_differ (a, b, differ, error))
    return FALSE;
  return ts_extents_count (differ) == 0 ||
         ts_throw (error, TS_ERROR_IO, "%" G_GUINT64_FORMAT " bytes of the copy are wrong",
                   ts_extents_bytes (differ));
}

/* --- initial replication ---------------------------------------------------------------------- */

static gboolean
empty_target (const Bench *bench, GError **error)
{
  int fd = open (bench->target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean fine = fd >= 0 && ftruncate (fd, (off_t)bench->options->size_bytes) == 0;
  if (!fine)
    ts_throw_errno (error, "make %s", bench->target);
  if (fd >= 0)
    close (fd);
  return fine;
}

static gboolean
peers_copy (Bench *bench, GError **error)
{
  g_autoptr (TsExtents) nothing = ts_extents_new ();
  bench->stage.source = bench->stage.before = bench->base;
  bench->stage.changes = nothing;
  for (const TsBenchPeer *peer = ts_bench_copiers; peer->name; peer++) {
    TsBenchCost cost = {0};
    GError *failed = NULL;
    if (!empty_target (bench, error))
      return FALSE;
    if (ts_bench_peer_is_there (peer, &failed) && peer->run (&bench->stage, &cost, &failed))
      check_same (bench->target, bench->base, &failed);
    note (bench, "initial", peer->name, &cost, bench->options->size_bytes, NULL, failed);
  }
  return TRUE;
}

/* --- deltas ----------------------------------------------------------------------------------- */

static gboolean
peers_update (Bench *bench, const char *part, gboolean unknown, GError **error)
{
  for (const TsBenchPeer *peer = ts_bench_updaters; peer->name; peer++) {
    if (unknown && peer->tracks) /* it would have to know what changed */
      continue;
    TsBenchCost cost = {0};
    GError *failed = NULL;
    if (ts_bench_peer_is_there (peer, &failed) && peer->run (&bench->stage, &cost, &failed))
      check_same (bench->target, bench->stage.source, &failed);
    note (bench, part, peer->name, &cost, ts_extents_bytes (bench->stage.changes), NULL, failed);
    if (!ts_bench_image_patch (bench->before, bench->target, bench->stage.changes, error))
      return FALSE;
  }
  return TRUE;
}

/* What of the cycle was applying: verify the stored log, write it to the copy, flush; beside it
 * only reading and writing the same blocks. */
static void
applied (Bench *bench, guint percent, guint block_kib, const TsBenchTook *took,
         const TsExtents *changes)
{
  g_autofree char *part = g_strdup_printf ("apply %u %% in %u KiB", percent, block_kib);
  TsBenchCost cost = {.wall_us = took->applied_us - took->stored_us};
  note (bench, part, TS_BENCH_OURS, &cost, ts_extents_bytes (changes), NULL, NULL);
  GError *failed = NULL;
  gint64 from_us = g_get_monotonic_time ();
  ts_bench_image_patch (bench->before, bench->target, changes, &failed); /* changes nothing */
  cost.wall_us = g_get_monotonic_time () - from_us;
  note (bench, part, "read and write", &cost, ts_extents_bytes (changes), NULL, failed);
}

/* FALSE: the pair is of no use any more; without error: that was noted. */
static gboolean
delta (Bench *bench, TsBenchPair *pair, guint percent, guint block_kib, GError **error)
{
  g_autofree char *part = g_strdup_printf ("delta %u %% in %u KiB", percent, block_kib);
  g_autoptr (TsExtents) changes = ts_extents_new ();
  const char *source = ts_bench_pair_source (pair);
  GError *failed = NULL;
  TsBenchTook took = {.cost = {0}};
  if (!ts_bench_pair_change (pair, block_kib * 1024, percent, &failed)) {
    note (bench, part, TS_BENCH_OURS, &took.cost, 0, NULL, failed);
    return FALSE;
  }
  if (!ts_bench_image_differ (bench->before, source, changes, error))
    return FALSE;
  char *stages = NULL;
  if (ts_bench_pair_cycle (pair, &took, &failed) &&
      check_same (source, ts_bench_pair_replica (pair), &failed))
    stages = g_strdup_printf ("cut %.3f s, stored %.3f s; %.1f MiB in the log",
                              (double)took.first_us / TS_S, (double)took.stored_us / TS_S,
                              (double)took.data_bytes / (double)TS_MIB);
  gboolean fine = failed == NULL;
  note (bench, part, TS_BENCH_OURS, &took.cost, ts_extents_bytes (changes), stages, failed);
  if (fine)
    applied (bench, percent, block_kib, &took, changes);
  bench->stage.source = source;
  bench->stage.before = bench->before;
  bench->stage.changes = changes;
  if (!bench->options->no_peers) {
    g_autoptr (GArray) ours = ts_bench_processes ();
    ts_bench_hold (ours, TRUE);
    gboolean good = peers_update (bench, part, FALSE, error);
    ts_bench_hold (ours, FALSE);
    if (!good)
      return FALSE;
  }
  return ts_bench_image_patch (source, bench->before, changes, error) &&
         ts_bench_image_patch (source, bench->target, changes, error) && fine;
}

static gboolean
deltas (Bench *bench, TsBenchPair *pair, GError **error)
{
  g_auto (GStrv) cases = g_strsplit (bench->options->cases, ",", -1);
  if (!ts_bench_image_copy (ts_bench_pair_source (pair), bench->before, error) ||
      !ts_bench_image_copy (bench->before, bench->target, error))
    return FALSE;
  for (guint i = 0; cases[i]; i++) {
    guint percent = 0, block_kib = 0;
    if (sscanf (cases[i], "%u:%u", &percent, &block_kib) != 2 || percent < 1 || percent > 50 ||
        block_kib < 4 || block_kib > 1024 || block_kib % 4)
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "a delta is PERCENT:KIB, 1 to 50 and 4 to 1024, not '%s'", cases[i]);
    if (!delta (bench, pair, percent, block_kib, error))
      return *error == NULL;
  }
  return TRUE;
}

/* --- resynchronization ------------------------------------------------------------------------ */

#define SPOIL_BYTES (64 * 1024)

/* One per cent of the copy is wrong, and nobody knows where. */
static gboolean
resync (Bench *bench, TsBenchPair *pair, GError **error)
{
  static const char part[] = "resync 1 % in 64 KiB";
  g_autoptr (TsExtents) wrong = ts_extents_new ();
  const char *source = ts_bench_pair_source (pair);
  for (guint64 at = 32 * SPOIL_BYTES; at + SPOIL_BYTES <= bench->options->size_bytes;
       at += 100 * SPOIL_BYTES)
    ts_extents_add (wrong, at, SPOIL_BYTES);
  TsBenchTook took = {.cost = {0}};
  GError *failed = NULL;
  if (ts_bench_image_spoil (ts_bench_pair_replica (pair), wrong, &failed) &&
      ts_bench_pair_resync (pair, &took, &failed))
    check_same (source, ts_bench_pair_replica (pair), &failed);
  gboolean fine = failed == NULL;
  note (bench, part, TS_BENCH_OURS, &took.cost, ts_extents_bytes (wrong), NULL, failed);
  if (bench->options->no_peers)
    return fine;
  if (!ts_bench_image_copy (source, bench->before, error) ||
      !ts_bench_image_spoil (bench->before, wrong, error) ||
      !ts_bench_image_copy (bench->before, bench->target, error))
    return FALSE;
  bench->stage.source = source;
  bench->stage.before = bench->before;
  bench->stage.changes = wrong;
  g_autoptr (GArray) ours = ts_bench_processes ();
  ts_bench_hold (ours, TRUE);
  gboolean good = peers_update (bench, part, TRUE, error);
  ts_bench_hold (ours, FALSE);
  return good && fine;
}

/* --- what the guest feels --------------------------------------------------------------------- */

#define GUEST_US (5 * TS_S)
#define CYCLE_US (30 * TS_S)

static void
note_rate (Bench *bench, const char *who, const TsBenchRate *rate, GError *failed)
{
  TsBenchCost cost = {.wall_us = rate->wall_us};
  char *stages = rate->writes == 0 ? NULL
                                   : g_strdup_printf ("%.0f us a write",
                                                      (double)rate->wall_us / (double)rate->writes);
  note (bench, "guest writes 4 KiB", who, &cost, rate->writes * 4096, stages, failed);
}

/* Before it is replicated; then with its changes tracked, and within a cut. */
static void
guest_alone (Bench *bench, TsBenchPair *pair)
{
  TsBenchRate rate = {0};
  GError *failed = NULL;
  ts_bench_pair_rate (pair, GUEST_US, &rate, &failed);
  note_rate (bench, "not replicated", &rate, failed);
}

static gboolean
guest_replicated (Bench *bench, TsBenchPair *pair)
{
  TsBenchRate between = {0}, within = {0}, all = {0};
  GError *failed = NULL;
  gboolean fine = ts_bench_pair_rate (pair, GUEST_US, &between, &failed);
  note_rate (bench, "between cuts", &between, failed);
  if (!fine)
    return FALSE;
  fine = ts_bench_pair_rate_in_cut (pair, &within, &failed);
  note_rate (bench, "within the cut", &within, failed);
  if (!fine)
    return FALSE;
  all.wall_us = CYCLE_US;
  all.writes = within.writes + (guint64)((double)between.writes *
                                         (double)(CYCLE_US - MIN (within.wall_us, CYCLE_US)) /
                                         (double)between.wall_us);
  note_rate (bench, "over a cycle of 30 s", &all, NULL);
  return TRUE;
}

/* --- what the storage gives ------------------------------------------------------------------- */

static double
rate (const TsBenchPace *pace)
{
  return pace->wall_us > 0 ? (double)pace->writes * TS_S / (double)pace->wall_us : 0;
}

/* kept: against not being replicated. */
static void
note_pace (Bench *bench, const char *who, const TsBenchPace *pace, double untracked)
{
  TsBenchCost cost = {.wall_us = pace->wall_us};
  GString *stages = g_string_new (NULL);
  g_string_printf (stages, "%.0f writes/s, %.1f %% of not replicated", rate (pace),
                   rate (pace) * 100 / untracked);
  if (pace->median_us > 0)
    g_string_append_printf (stages, ", median %" G_GINT64_FORMAT " us, 99 %% within %" G_GINT64_FORMAT
                                    " us",
                            pace->median_us, pace->p99_us);
  note (bench, "storage writes 4 KiB", who, &cost, pace->writes * TS_BENCH_WRITE_BYTES,
        g_string_free (stages, FALSE), NULL);
}

/* One per cent of the disk changes in a cycle. */
static void
storage (Bench *bench)
{
  static const char part[] = "storage writes 4 KiB";
  TsBenchStorage found;
  GError *failed = NULL;
  bench->stage.source = bench->base;
  if (!ts_bench_storage (&bench->stage, bench->options->size_bytes / 100, bench->round, &found,
                         &failed) ||
      found.untracked.writes == 0) {
    if (!failed)
      ts_throw (&failed, TS_ERROR_AGAIN, "nothing was written");
    note (bench, part, "not replicated", &(TsBenchCost){0}, 0, NULL, failed);
    return;
  }
  double untracked = rate (&found.untracked);
  TsBenchPace cycle = {.wall_us = CYCLE_US};
  cycle.writes = found.cut.writes + (guint64)(rate (&found.tracked) *
                                              (double)(CYCLE_US - MIN (found.cut_us, CYCLE_US)) / TS_S);
  note_pace (bench, "not replicated", &found.untracked, untracked);
  note_pace (bench, "between cuts", &found.tracked, untracked);
  note_pace (bench, "within the cut", &found.cut, untracked);
  note_pace (bench, "over a cycle of 30 s", &cycle, untracked);
}

static TsBenchPair *
our_copy (Bench *bench, gboolean compress)
{
  g_autofree char *folder = g_build_filename (room, "p", NULL);
  GError *failed = NULL;
  TsBenchTook took = {.cost = {0}};
  char *stages = NULL;
  TsBenchPair *pair = ts_bench_pair_new (folder, bench->base, compress, &failed);
  if (pair && !compress && bench->options->parts & TS_BENCH_GUEST)
    guest_alone (bench, pair);
  if (pair && ts_bench_pair_copy (pair, &took, &failed) &&
      check_same (ts_bench_pair_source (pair), ts_bench_pair_replica (pair), &failed))
    stages = g_strdup_printf ("tracked and mapped after %.3f s", (double)took.first_us / TS_S);
  if (failed && pair)
    g_clear_pointer (&pair, ts_bench_pair_free);
  note (bench, "initial", compress ? TS_BENCH_OURS ", compressed" : TS_BENCH_OURS, &took.cost,
        bench->options->size_bytes, stages, failed);
  return pair;
}

/* --- all of it -------------------------------------------------------------------------------- */

static gboolean
one_round (Bench *bench, GError **error)
{
  const TsBenchOptions *options = bench->options;
  if (options->parts & TS_BENCH_STORAGE)
    storage (bench);
  if (!(options->parts & ~(guint)TS_BENCH_STORAGE))
    return TRUE;
  if (options->compress && options->parts & TS_BENCH_INITIAL)
    ts_bench_pair_free (our_copy (bench, TRUE));
  TsBenchPair *pair = our_copy (bench, FALSE);
  gboolean fine = TRUE;
  if (options->parts & TS_BENCH_INITIAL && !options->no_peers) {
    g_autoptr (GArray) ours = ts_bench_processes ();
    ts_bench_hold (ours, TRUE);
    fine = peers_copy (bench, error);
    ts_bench_hold (ours, FALSE);
  }
  if (fine && pair && options->parts & TS_BENCH_DELTA)
    fine = deltas (bench, pair, error);
  if (fine && pair && options->parts & TS_BENCH_RESYNC)
    fine = resync (bench, pair, error);
  if (fine && pair && options->parts & TS_BENCH_GUEST)
    guest_replicated (bench, pair);
  ts_bench_pair_free (pair);
  return fine;
}

static gboolean
make_base (Bench *bench, GError **error)
{
  g_autofree char *scratch = g_build_filename (room, "scratch", NULL);
  if (bench->options->image)
    return ts_bench_image_copy (bench->options->image, bench->base, error);
  return ts_bench_image_make (bench->base, bench->options->size_bytes, scratch, bench->stage.log,
                              error);
}

gboolean
ts_bench_run_all (const TsBenchOptions *options, GPtrArray *samples, TsBenchHeard heard,
                  gpointer user, GError **error)
{
  TsBenchOptions own = *options;
  Bench bench = {.options = &own, .samples = samples, .heard = heard, .user = user};
  bench.base = g_build_filename (room, "base.raw", NULL);
  bench.before = g_build_filename (room, "before.raw", NULL);
  bench.target = g_build_filename (room, "target.raw", NULL);
  bench.stage.folder = g_build_filename (room, "q", NULL);
  bench.stage.target = bench.target;
  gboolean fine = ts_bench_stage_make (&bench.stage, error) && make_base (&bench, error);
  if (fine && options->image) {
    g_autoptr (TsDisk) disk = ts_lab_disk_open (bench.base, FALSE, error);
    fine = disk != NULL;
    own.size_bytes = disk ? disk->size_bytes : 0;
  }
  ts_bench_warm_up (own.size_bytes + own.size_bytes / 2);
  for (bench.round = 1; fine && bench.round <= options->rounds; bench.round++)
    fine = one_round (&bench, error);
  ts_bench_stage_clear (&bench.stage);
  g_free (bench.base);
  g_free (bench.before);
  g_free (bench.target);
  return fine;
}
