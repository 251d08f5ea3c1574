/* tests/test-tracker.c -- a guest writes, cuts are taken and played onto a replica: is it the same?
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/disk/apply.h"
#include "core/format/plan.h"
#include "lab/machine/disk.h"
#include "lab/machine/tracker.h"
#include "tests/machine-support.h"

#define BOOT_US (60 * TS_S)
#define DISKS 2
static const guint64 disk_bytes[DISKS] = {256 * TS_MIB, 64 * TS_MIB};

typedef struct {
  char *folder;
  TsLabHypervisor *hypervisor;
  TsLabMachine *machine;
  TsLabTracker *tracker;
  SupportGuest *guest;
  char *image[DISKS], *data[DISKS], *replica[DISKS];
  char *overlay[DISKS]; /* a copy's */
  guint64 few_slots;    /* on each disk; 0: all there are */
} World;

static char *site_folder;
static TsLabHypervisor *shared;

/* --- a world: one machine, tracked; its replica is an empty path ------------------------------ */

static void
boot (World *w)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *channel = g_strdup_printf ("%s/vm.agent", w->folder);
  ts_lab_machine_start (w->machine, &error);
  g_assert_no_error (error);
  w->guest = support_guest_meet (channel, BOOT_US);
}

static void
remove_file (char *path)
{
  unlink (path);
  g_free (path);
}

static int
setup (void **state)
{
  g_autoptr (GError) error = NULL;
  World *w = g_new0 (World, 1);
  w->folder = site_folder;
  w->hypervisor = shared;
  for (guint d = 0; d < DISKS; d++) {
    w->image[d] = g_strdup_printf ("%s/%u.qcow2", w->folder, d);
    w->data[d] = g_strdup_printf ("%s/%u.raw", w->folder, d);
    w->replica[d] = g_strdup_printf ("%s/%u.replica", w->folder, d);
    ts_lab_disk_create_tracked (w->image[d], w->data[d], disk_bytes[d], &error);
    g_assert_no_error (error);
    ts_lab_disk_fill (w->data[d], d, 16 * TS_MIB, 7, &error);
    g_assert_no_error (error);
  }
  w->machine = support_machine (w->hypervisor, w->folder, "vm", DISKS, w->image);
  w->tracker = ts_lab_tracker_new (w->machine, w->folder, &error);
  g_assert_no_error (error);
  boot (w);
  *state = w;
  return 0;
}

static void
copy_file (const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsDisk) in = ts_lab_disk_open (from, FALSE, &error);
  g_assert_no_error (error);
  if (!g_file_test (to, G_FILE_TEST_EXISTS))
    ts_lab_disk_create (to, in->size_bytes, &error);
  g_assert_no_error (error);
  g_autoptr (TsDisk) out = ts_lab_disk_open (to, TRUE, &error);
  g_assert_no_error (error);
  g_autofree char *bytes = g_malloc (TS_MIB);
  for (guint64 at = 0; at < in->size_bytes; at += TS_MIB) {
    gsize len = MIN (TS_MIB, in->size_bytes - at);
    assert_true (in->ops->read (in, at, bytes, len, NULL));
    assert_true (out->ops->write (out, at, bytes, len, NULL));
  }
}

/* A copy, as a failover starts one: on overlays over disks that lie plain and are as the other
 * side's; tracked before it runs. */
static int
setup_copy (void **state)
{
  g_autoptr (GError) error = NULL;
  World *w = g_new0 (World, 1);
  w->folder = site_folder;
  w->hypervisor = shared;
  for (guint d = 0; d < DISKS; d++) {
    w->image[d] = g_strdup_printf ("%s/%u.qcow2", w->folder, d);
    w->data[d] = g_strdup_printf ("%s/%u.raw", w->folder, d);
    w->replica[d] = g_strdup_printf ("%s/%u.replica", w->folder, d);
    w->overlay[d] = g_strdup_printf ("%s/%u.overlay", w->folder, d);
    ts_lab_disk_create (w->data[d], disk_bytes[d], &error);
    g_assert_no_error (error);
    ts_lab_disk_fill (w->data[d], d, 16 * TS_MIB, 7, &error);
    g_assert_no_error (error);
    copy_file (w->data[d], w->replica[d]);
    ts_lab_disk_wrap (w->image[d], w->data[d], disk_bytes[d], &error);
    g_assert_no_error (error);
    ts_lab_disk_wrap (w->image[d], w->data[d], disk_bytes[d], &error); /* again: fine */
    g_assert_no_error (error);
    ts_lab_disk_create_branch (w->overlay[d], w->image[d], disk_bytes[d], &error);
    g_assert_no_error (error);
  }
  w->machine = support_machine (w->hypervisor, w->folder, "vm", DISKS, w->overlay);
  w->tracker = ts_lab_tracker_new (w->machine, w->folder, &error);
  ts_lab_machine_start_paused (w->machine, &error);
  g_assert_no_error (error);
  ts_lab_tracker_start (w->tracker, &error);
  g_assert_no_error (error);
  ts_lab_machine_go_on (w->machine, &error);
  g_assert_no_error (error);
  g_autofree char *channel = g_strdup_printf ("%s/vm.agent", w->folder);
  w->guest = support_guest_meet (channel, BOOT_US);
  *state = w;
  return 0;
}

static int
teardown (void **state)
{
  World *w = *state;
  if (w->guest)
    support_guest_part (w->guest);
  ts_lab_tracker_free (w->tracker);
  ts_lab_machine_free (w->machine);
  for (guint d = 0; d < DISKS; d++) {
    remove_file (w->image[d]);
    remove_file (w->data[d]);
    remove_file (w->replica[d]);
    if (w->overlay[d])
      remove_file (w->overlay[d]);
  }
  assert_int_equal (support_strangers (), 0);
  g_free (w);
  return 0;
}

static guint64
slots_of (const World *w, guint d)
{
  return w->few_slots ? w->few_slots : (disk_bytes[d] - 16 * TS_MIB) / 4096;
}

static void
write_at (World *w, guint us_per_write)
{
  /* random slots of 4 KiB on both disks, behind the fill */
  guint64 fill = 16 * TS_MIB;
  support_guest_say (w->guest,
                     "W 1 42 4096 %u 8 0 2 0:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
                     " 1:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                     us_per_write, fill, slots_of (w, 0), fill, slots_of (w, 1));
}

static void
power_off (World *w)
{
  g_autoptr (GError) error = NULL;
  support_guest_say (w->guest, "Q");
  ts_lab_machine_wait_off (w->machine, 30 * TS_S, &error);
  g_assert_no_error (error);
  support_guest_part (w->guest);
  w->guest = NULL;
}

/* --- cuts ------------------------------------------------------------------------------------- */

static World *late; /* NULL: cuts are taken as fast as they go */

static gboolean
put (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  GByteArray *log = user;
  if (log->len < offset_bytes + len_bytes)
    g_byte_array_set_size (log, (guint)(offset_bytes + len_bytes));
  memcpy (log->data + offset_bytes, data, len_bytes);
  (void)error;
  return TRUE;
}

/* As put; before what has been read of each disk first is kept, the guest goes on writing. */
static gboolean
put_late (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  if (offset_bytes == TS_HRL_HEADER_BYTES + TS_HRL_METADATA_BYTES)
    assert_true (support_guest_reaches (late->guest, support_guest_writes (late->guest) + 100, 20 * TS_S));
  return put (user, offset_bytes, data, len_bytes, error);
}

static gboolean
put_nowhere (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  gint *left = user;
  (void)data;
  (void)len_bytes;
  if (offset_bytes > TS_HRL_HEADER_BYTES + TS_HRL_METADATA_BYTES && (*left)-- <= 0)
    return ts_throw (error, TS_ERROR_FULL, "no room for the log");
  return TRUE;
}

typedef struct {
  gint64 took_us;
  guint64 data_bytes, entries;
  gint64 writes_before; /* acknowledged when the cut was asked for */
} Cut;

/* Takes a cut; plays it onto the replicas when play. */
static Cut
cut (World *w, gboolean play)
{
  g_autoptr (GError) error = NULL;
  TsHrlWriter *writer[DISKS];
  GByteArray *log[DISKS];
  TsLabCutDisk part[DISKS];
  gint64 instant_us = 0;
  Cut result = {.writes_before = w->guest ? support_guest_writes (w->guest) : 0};
  for (guint d = 0; d < DISKS; d++) {
    TsHrlInfo info = {.time_s = 1, .disk_bytes = disk_bytes[d]};
    info.unique.bytes[0] = 1;
    log[d] = g_byte_array_new ();
    writer[d] = ts_hrl_writer_new (&info, late ? put_late : put, log[d], &error);
    g_assert_no_error (error);
  }
  gint64 before_us = g_get_monotonic_time ();
  ts_lab_tracker_cut (w->tracker, writer, 1, &instant_us, part, &error);
  g_assert_no_error (error);
  result.took_us = g_get_monotonic_time () - before_us;
  assert_in_range (instant_us, before_us, before_us + result.took_us);
  for (guint d = 0; d < DISKS; d++) {
    assert_int_equal (ts_hrl_writer_entries (writer[d]), part[d].entries);
    ts_hrl_writer_close (writer[d], 1, 0, &error);
    g_assert_no_error (error);
    ts_hrl_writer_free (writer[d]);
    g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (log[d]);
    g_autoptr (TsHrl) hrl = ts_hrl_open (bytes, &error);
    g_assert_no_error (error);
    assert_int_equal (ts_hrl_data_bytes (hrl), part[d].data_bytes);
    for (guint64 i = 0; i < ts_hrl_count (hrl); i++)
      assert_true (ts_hrl_entry (hrl, i).len_bytes <= 256 * 1024);
    if (play) {
      g_autoptr (TsDisk) replica = ts_lab_disk_open (w->replica[d], TRUE, &error);
      g_assert_no_error (error);
      ts_apply_log (replica, hrl, &error);
      g_assert_no_error (error);
    }
    result.data_bytes += part[d].data_bytes;
    result.entries += part[d].entries;
  }
  print_message ("cut: %6.1f ms, %8" G_GUINT64_FORMAT " bytes in %5" G_GUINT64_FORMAT
                 " entries, %" G_GINT64_FORMAT " writes acknowledged\n",
                 (double)result.took_us / 1000, result.data_bytes, result.entries,
                 result.writes_before);
  return result;
}

/* A cut that must fail, with that code. */
static void
cut_fails (World *w, TsHrlPut into, void *user, TsErrorCode code)
{
  g_autoptr (GError) error = NULL;
  TsHrlWriter *writer[DISKS];
  TsLabCutDisk part[DISKS];
  gint64 instant_us;
  for (guint d = 0; d < DISKS; d++) {
    TsHrlInfo info = {.time_s = 1, .disk_bytes = disk_bytes[d]};
    writer[d] = ts_hrl_writer_new (&info, into, user, NULL);
    assert_non_null (writer[d]);
  }
  assert_false (ts_lab_tracker_cut (w->tracker, writer, 1, &instant_us, part, &error));
  print_message ("as it should: %s\n", error->message);
  g_assert_error (error, TS_ERROR, (gint)code);
  for (guint d = 0; d < DISKS; d++)
    ts_hrl_writer_free (writer[d]);
}

static void
assert_same (World *w)
{
  for (guint d = 0; d < DISKS; d++) {
    g_autoptr (GError) error = NULL;
    guint64 differ = 1;
    ts_lab_disk_compare (w->data[d], w->replica[d], &differ, &error);
    g_assert_no_error (error);
    assert_int_equal (differ, 0);
  }
}

static guint64
differing (World *w)
{
  guint64 all = 0, differ = 0;
  for (guint d = 0; d < DISKS; d++) {
    assert_true (ts_lab_disk_compare (w->data[d], w->replica[d], &differ, NULL));
    all += differ;
  }
  return all;
}

/* Every slot holds what the guest had written there when it had written k records in all, for one k
 * on both disks: the replica is of one instant.  Returns k. */
static guint64
assert_one_instant (World *w)
{
  const guint64 fill = 16 * TS_MIB;
  guint64 slots[DISKS], *want[DISKS], *held[DISKS], k = 0;
  for (guint d = 0; d < DISKS; d++) {
    slots[d] = slots_of (w, d);
    want[d] = g_new0 (guint64, slots[d]);
    held[d] = g_new0 (guint64, slots[d]);
    g_autoptr (TsDisk) disk = ts_lab_disk_open (w->replica[d], FALSE, NULL);
    for (guint64 s = 0; s < slots[d]; s++) {
      guint8 sector[TS_STAMP_SECTOR];
      TsStamp stamp;
      assert_true (disk->ops->read (disk, fill + s * 4096, sector, sizeof sector, NULL));
      int whole = ts_stamp_read (sector, &stamp);
      assert_int_not_equal (whole, -1);
      held[d][s] = whole ? stamp.sequence : 0;
      k = MAX (k, held[d][s]);
    }
  }
  for (guint64 n = 0; n < k; n++) {
    TsPlanned at = ts_plan (TS_PLAN_RANDOM, 42, n, slots, DISKS);
    want[at.disk_turn][at.slot] = n + 1;
  }
  for (guint d = 0; d < DISKS; d++) {
    assert_memory_equal (want[d], held[d], slots[d] * sizeof (guint64));
    g_free (want[d]);
    g_free (held[d]);
  }
  return k;
}

static void
track_and_copy (World *w)
{
  g_autoptr (GError) error = NULL;
  ts_lab_tracker_start (w->tracker, &error);
  g_assert_no_error (error);
  for (guint d = 0; d < DISKS; d++)
    copy_file (w->data[d], w->replica[d]);
}

/* --- what must hold --------------------------------------------------------------------------- */

static void
replica_follows (void **state)
{
  World *w = *state;
  write_at (w, 2000);
  assert_true (support_guest_reaches (w->guest, 50, 20 * TS_S));
  track_and_copy (w); /* while it writes: not of one instant until the first cut is applied */
  guint64 entries = 0;
  for (int i = 0; i < 5; i++) {
    assert_true (
        support_guest_reaches (w->guest, support_guest_writes (w->guest) + 200, 20 * TS_S));
    Cut one = cut (w, TRUE);
    entries += one.entries;
    assert_true (assert_one_instant (w) >= (guint64)one.writes_before);
  }
  assert_true (entries > 400);
  power_off (w);
  assert_true (differing (w) >
               0); /* the last writes are not there: the last cut is worth something */
  cut (w, TRUE);
  assert_same (w);
  assert_int_equal (cut (w, TRUE).data_bytes, 0); /* it was told what it had been told */
  /* The same bitmaps go on after the next start. */
  boot (w);
  write_at (w, 2000);
  assert_true (support_guest_reaches (w->guest, 100, 20 * TS_S));
  cut (w, TRUE);
  power_off (w);
  cut (w, TRUE);
  assert_same (w);
}

/* What a cut is of is overwritten while it is read: it has it as it was all the same. */
static void
written_within_the_cut (void **state)
{
  World *w = *state;
  guint64 twice = 0;
  w->few_slots = 64;
  write_at (w, 1000);
  assert_true (support_guest_reaches (w->guest, 50, 20 * TS_S));
  track_and_copy (w);
  late = w;
  for (int i = 0; i < 4; i++) {
    assert_true (
        support_guest_reaches (w->guest, support_guest_writes (w->guest) + 200, 20 * TS_S));
    Cut one = cut (w, TRUE);
    assert_true (assert_one_instant (w) >= (guint64)one.writes_before);
    twice += one.data_bytes > DISKS * 64 * 4096;
  }
  late = NULL;
  assert_true (twice > 0); /* else they were not read beside QEMU, and nothing is shown here */
}

static void
failed_cut_keeps_changes (void **state)
{
  World *w = *state;
  track_and_copy (w);
  write_at (w, 1000);
  for (int i = 0; i < 3; i++) {
    gint room = i;
    assert_true (
        support_guest_reaches (w->guest, support_guest_writes (w->guest) + 300, 20 * TS_S));
    cut_fails (w, put_nowhere, &room, TS_ERROR_FULL);
  }
  cut (w, TRUE);
  assert_true (support_guest_reaches (w->guest, support_guest_writes (w->guest) + 300, 20 * TS_S));
  gint none = 0;
  cut_fails (w, put_nowhere, &none, TS_ERROR_FULL);
  power_off (w);
  cut_fails (w, put_nowhere, &none, TS_ERROR_FULL);
  cut (w, TRUE);
  assert_same (w);
}

static void
grain_is_4_kib (void **state)
{
  World *w = *state;
  track_and_copy (w);
  cut (w, TRUE);
  gint64 before = support_guest_writes (w->guest);
  write_at (w, 1000);
  assert_true (support_guest_reaches (w->guest, before + 400, 20 * TS_S));
  power_off (w);
  Cut last = cut (w, TRUE);
  assert_same (w);
  /* 400 writes of 4 KiB to scattered places; in 64 KiB blocks they would be about 20 MiB. */
  assert_in_range (last.data_bytes, 300 * 4096, 4 * TS_MIB);
}

/* Pulls the plug on QEMU itself: the only one here, in a young process namespace. */
static void
kill_qemu (void)
{
  for (int pid = 2; pid < 4096; pid++) {
    g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
    g_autofree char *comm = NULL;
    if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_has_prefix (comm, "qemu-system"))
      kill (pid, SIGKILL);
  }
}

static void
killed_qemu_loses_tracking (void **state)
{
  World *w = *state;
  g_autoptr (GError) error = NULL;
  gint none = 0;
  track_and_copy (w);
  write_at (w, 1000);
  assert_true (support_guest_reaches (w->guest, 100, 20 * TS_S));
  cut (w, TRUE);
  kill_qemu ();
  ts_lab_machine_wait_off (w->machine, 10 * TS_S, &error);
  g_assert_no_error (error);
  support_guest_part (w->guest);
  cut_fails (w, put_nowhere, &none, TS_ERROR_LOST);
  boot (w);
  cut_fails (w, put_nowhere, &none, TS_ERROR_LOST);
  /* and can be begun anew */
  track_and_copy (w);
  write_at (w, 1000);
  assert_true (support_guest_reaches (w->guest, 100, 20 * TS_S));
  cut (w, TRUE);
  power_off (w);
  cut (w, TRUE);
  assert_same (w);
}

static void
states_are_told (void **state)
{
  World *w = *state;
  g_autoptr (GError) error = NULL;
  gint none = 0;
  cut_fails (w, put_nowhere, &none, TS_ERROR_STATE);
  track_and_copy (w);
  ts_lab_tracker_stop (w->tracker, &error);
  g_assert_no_error (error);
  cut_fails (w, put_nowhere, &none, TS_ERROR_STATE);
  power_off (w);
  assert_true (ts_lab_tracker_start (w->tracker, &error)); /* of one that is off, which stays off */
  g_assert_no_error (error);
  assert_false (ts_lab_machine_running (w->machine));
}

static void
merge (World *w)
{
  g_autoptr (GError) error = NULL;
  ts_lab_machine_commit_overlays (w->machine, &error);
  g_assert_no_error (error);
  for (guint d = 0; d < DISKS; d++)
    unlink (w->overlay[d]); /* nobody needs them any more */
}

/* Reverse replication without a copy rests on this: every write since the failover is in the first
 * cut after the merge, those before it too. */
static void
merging_keeps_what_a_copy_wrote (void **state)
{
  World *w = *state;
  write_at (w, 2000);
  assert_true (support_guest_reaches (w->guest, 200, 20 * TS_S));
  merge (w);
  assert_true (support_guest_reaches (w->guest, support_guest_writes (w->guest) + 200, 20 * TS_S));
  Cut one = cut (w, TRUE);
  assert_true (one.entries > 200);
  assert_true (assert_one_instant (w) >= (guint64)one.writes_before);
  assert_true (support_guest_reaches (w->guest, support_guest_writes (w->guest) + 200, 20 * TS_S));
  power_off (w);
  assert_true (differing (w) > 0);
  cut (w, TRUE);
  assert_same (w);
  boot (w);
  write_at (w, 2000);
  assert_true (support_guest_reaches (w->guest, 100, 20 * TS_S));
  cut (w, TRUE);
  power_off (w);
  cut (w, TRUE);
  assert_same (w);
}

static void
merging_a_copy_that_is_off_keeps_it_too (void **state)
{
  World *w = *state;
  write_at (w, 2000);
  assert_true (support_guest_reaches (w->guest, 200, 20 * TS_S));
  power_off (w);
  merge (w);
  assert_true (differing (w) > 0);
  cut (w, TRUE);
  assert_same (w);
}

/* 1 % of both disks in scattered 4 KiB: what a cut costs (a figure, and a bound that only a
 * blunder reaches). */
static void
time_of_a_cut (void **state)
{
  World *w = *state;
  track_and_copy (w);
  cut (w, TRUE);
  write_at (w, 0);
  assert_true (support_guest_reaches (w->guest, 820, 60 * TS_S));
  Cut one = cut (w, TRUE);
  Cut two = cut (w, TRUE);
  assert_true (one.took_us < 5 * TS_S && two.took_us < 5 * TS_S);
  power_off (w);
  cut (w, TRUE);
  assert_same (w);
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (replica_follows, setup, teardown),
      cmocka_unit_test_setup_teardown (written_within_the_cut, setup, teardown),
      cmocka_unit_test_setup_teardown (failed_cut_keeps_changes, setup, teardown),
      cmocka_unit_test_setup_teardown (grain_is_4_kib, setup, teardown),
      cmocka_unit_test_setup_teardown (killed_qemu_loses_tracking, setup, teardown),
      cmocka_unit_test_setup_teardown (states_are_told, setup, teardown),
      cmocka_unit_test_setup_teardown (time_of_a_cut, setup, teardown),
      cmocka_unit_test_setup_teardown (merging_keeps_what_a_copy_wrote, setup_copy, teardown),
      cmocka_unit_test_setup_teardown (merging_a_copy_that_is_off_keeps_it_too, setup_copy,
                                       teardown),
  };
  g_free (support_guest ("vmlinuz"));
  site_folder = support_enter_site ();
  g_autofree char *root = g_build_filename (site_folder, "virt", NULL);
  g_autofree char *cache = support_cache ();
  shared = ts_lab_hypervisor_open (root, cache, TS_ACCEL_TCG, &error);
  g_assert_no_error (error);
  int failed = cmocka_run_group_tests (tests, NULL, NULL);
  ts_lab_hypervisor_free (shared);
  g_free (site_folder);
  return failed;
}
