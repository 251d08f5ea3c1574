/* lab/bench/storage.c -- see storage.h.
 *
 * The cut is the one of lab/machine/tracker.c, said in QMP: at one instant a new bitmap begins, the
 * old one stands still, and a copy-before-write job opens; the blocks of the old bitmap are read
 * into a log by the lab's own reader; the job is closed. */
#include "lab/bench/storage.h"
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/bench/image.h"
#include "lab/bench/qmp.h"
#include "lab/bench/room.h"
#include "lab/host/spool.h"
#include "lab/machine/disk.h"
#include "lab/machine/tracker-read.h"

#define SERVE_US (20 * TS_S)
#define RUN_US (5 * TS_MIN)
#define PHASE_US (1500 * TS_MS)
#define TURNS 4 /* of each, taken alternately: the machine's mood changes within seconds */
#define DEPTH 16

typedef struct {
  const TsBenchStage *stage;
  char *image, *data, *scratch, *qmp_path, *socket;
  guint64 size_bytes;
  pid_t daemon;
  TsBenchQmp *qmp;
  TsBenchWriter *writer;
} Setup;

static void
clear (Setup *s)
{
  if (s->writer)
    ts_bench_writer_end (s->writer, NULL);
  ts_bench_qmp_free (s->qmp);
  ts_bench_kill (s->daemon);
  char *files[] = {s->image, s->data, s->scratch, s->qmp_path, s->socket};
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    if (files[i])
      g_unlink (files[i]);
    g_free (files[i]);
  }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Setup, clear)

static gboolean
start (Setup *s, GError **error)
{
  const char *folder = s->stage->folder;
  s->image = g_build_filename (folder, "feel.qcow2", NULL);
  s->data = g_build_filename (folder, "feel.raw", NULL);
  s->scratch = g_build_filename (folder, "feel-scratch.qcow2", NULL);
  s->qmp_path = g_build_filename (folder, "feel-qmp", NULL);
  s->socket = g_build_filename (folder, "feel", NULL);
  g_autoptr (TsDisk) source = ts_lab_disk_open (s->stage->source, FALSE, error);
  if (!source || !ts_bench_image_copy (s->stage->source, s->data, error) ||
      !ts_lab_disk_wrap (s->image, s->data, source->size_bytes, error))
    return FALSE;
  s->size_bytes = source->size_bytes;
  g_autofree char *disk =
      g_strdup_printf ("driver=qcow2,node-name=disk,file.driver=file,file.filename=%s", s->image);
  g_autofree char *chardev =
      g_strdup_printf ("socket,id=qmp,path=%s,server=on,wait=off", s->qmp_path);
  g_autofree char *server = g_strdup_printf ("addr.type=unix,addr.path=%s", s->socket);
  const char *argv[] = {"qemu-storage-daemon",
                        "--blockdev",
                        disk,
                        "--chardev",
                        chardev,
                        "--monitor",
                        "chardev=qmp",
                        "--nbd-server",
                        server,
                        "--export",
                        "type=nbd,id=disk,node-name=disk,name=disk,writable=on",
                        NULL};
  s->daemon = ts_bench_start (argv, s->stage->log, error);
  s->qmp = s->daemon > 0 ? ts_bench_qmp_open (s->qmp_path, SERVE_US, error) : NULL;
  return s->qmp != NULL;
}

static void
add (TsBenchPace *sum, const TsBenchPace *turn)
{
  sum->writes += turn->writes;
  sum->wall_us += turn->wall_us;
  sum->median_us = MAX (sum->median_us, turn->median_us); /* of the worst turn */
  sum->p99_us = MAX (sum->p99_us, turn->p99_us);
}

/* Without a bitmap that is on, and with one. */
static gboolean
take_turns (Setup *s, TsBenchStorage *found, GError **error)
{
  static const char turn_it[] = "{\"execute\":\"block-dirty-bitmap-%s\",\"arguments\":"
                                "{\"node\":\"disk\",\"name\":\"old\"}}";
  if (!ts_bench_qmp_do (s->qmp,
                        "{\"execute\":\"block-dirty-bitmap-add\",\"arguments\":{\"node\":"
                        "\"disk\",\"name\":\"old\",\"persistent\":true}}",
                        error))
    return FALSE;
  g_usleep (TS_S); /* not counted: caches fill */
  for (guint i = 0; i < 2 * TURNS; i++) {
    gboolean tracked = i % 2;
    g_autofree char *command = g_strdup_printf (turn_it, tracked ? "enable" : "disable");
    if (!ts_bench_qmp_do (s->qmp, command, error))
      return FALSE;
    ts_bench_writer_look (s->writer);
    g_usleep (PHASE_US);
    TsBenchPace turn = ts_bench_writer_look (s->writer);
    add (tracked ? &found->tracked : &found->untracked, &turn);
  }
  return TRUE;
}

static gboolean
make_scratch (Setup *s, GError **error)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, s->size_bytes);
  const char *make[] = {"qemu-img", "create", "-q", "-f", "qcow2", s->scratch, size, NULL};
  g_autofree char *add = g_strdup_printf (
      "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"qcow2\",\"node-name\":\"scratch\","
      "\"backing\":\"disk\",\"file\":{\"driver\":\"file\",\"filename\":\"%s\"}}}",
      s->scratch);
  return ts_bench_run (make, s->stage->log, RUN_US, error) && ts_bench_qmp_do (s->qmp, add, error);
}

static gboolean
read_log (Setup *s, TsBenchStorage *found, GError **error)
{
  static const char *const bitmap[] = {"old", NULL};
  g_autofree char *folder = g_build_filename (s->stage->folder, "feel-spool", NULL);
  g_autoptr (TsLabSpool) spool = ts_lab_spool_open (folder, error);
  if (!spool)
    return FALSE;
  TsHrlInfo info = {.disk_bytes = s->size_bytes};
  TsLabSpoolLog *log = ts_lab_spool_create (spool, 1, 0, &info, error);
  TsLabCutDisk cut;
  TsCutLog closed;
  gboolean fine = log && ts_lab_tracker_read (s->socket, "cut", bitmap, NULL,
                                              ts_lab_spool_log_writer (log), 0, &cut, error);
  /* as in a host: the job is closed before the log is */
  fine = fine &&
         ts_bench_qmp_do (s->qmp,
                          "{\"execute\":\"block-export-del\",\"arguments\":{\"id\":\"cut\","
                          "\"mode\":\"hard\"}}",
                          error) &&
         ts_bench_qmp_do (s->qmp,
                          "{\"execute\":\"block-job-cancel\",\"arguments\":"
                          "{\"device\":\"cut\",\"force\":true}}",
                          error);
  if (fine)
    ts_bench_qmp_job_end (s->qmp, SERVE_US, NULL); /* that it was cancelled is no news */
  found->cut_bytes = fine ? cut.data_bytes : 0;
  fine = fine && ts_lab_spool_log_close (log, 0, &closed, error);
  ts_lab_spool_log_free (log);
  ts_lab_spool_delete_set (spool, 1, NULL);
  g_rmdir (folder);
  return fine;
}

static gboolean
cut (Setup *s, TsBenchStorage *found, GError **error)
{
  static const char open_job[] =
      "{\"execute\":\"transaction\",\"arguments\":{\"actions\":["
      "{\"type\":\"block-dirty-bitmap-add\",\"data\":{\"node\":\"disk\",\"name\":\"new\"}},"
      "{\"type\":\"block-dirty-bitmap-disable\",\"data\":{\"node\":\"disk\",\"name\":\"old\"}},"
      "{\"type\":\"blockdev-backup\",\"data\":{\"job-id\":\"cut\",\"device\":\"disk\","
      "\"target\":\"scratch\",\"sync\":\"none\"}}]}}";
  static const char serve[] =
      "{\"execute\":\"block-export-add\",\"arguments\":{\"type\":\"nbd\",\"id\":\"cut\","
      "\"node-name\":\"scratch\",\"name\":\"cut\",\"bitmaps\":[\"old\"]}}";
  if (!make_scratch (s, error))
    return FALSE;
  /* The worst that a cut can meet: every write goes to a block that has not been saved yet. */
  ts_bench_writer_spread (s->writer, s->size_bytes);
  ts_bench_writer_look (s->writer);
  gboolean fine = ts_bench_qmp_do (s->qmp, open_job, error) &&
                  ts_bench_qmp_do (s->qmp, serve, error) && read_log (s, found, error);
  found->cut = ts_bench_writer_look (s->writer);
  found->cut_us = found->cut.wall_us;
  return fine;
}

gboolean
ts_bench_storage (const TsBenchStage *stage, guint64 region_bytes, guint64 seed,
                  TsBenchStorage *found, GError **error)
{
  static const TsBenchPeer needs = {
      "qemu-storage-daemon", "qemu-utils", {"qemu-storage-daemon", "qemu-img"}, NULL, FALSE};
  g_auto (Setup) s = {.stage = stage};
  *found = (TsBenchStorage){.cut_us = 0};
  if (!ts_bench_peer_is_there (&needs, error) || !start (&s, error))
    return FALSE;
  s.writer = ts_bench_writer_start (s.socket, "disk", MIN (region_bytes, s.size_bytes), DEPTH, seed,
                                    error);
  if (!s.writer)
    return FALSE;
  if (!take_turns (&s, found, error) || !cut (&s, found, error))
    return FALSE;
  TsBenchWriter *writer = g_steal_pointer (&s.writer);
  return ts_bench_writer_end (writer, error);
}
