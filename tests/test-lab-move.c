/* tests/test-lab-move.c -- a VM moves between two host processes, which are killed (SIGKILL, both, with what
 * runs there) at steps of the handover.  The real twin of a part of test-sim-move.c.
 *
 * One world for all; the VM is not replicated.  After each death power comes back and nobody helps: before
 * long all of its disks are on one of the two hosts and nothing on the other, bit for bit what they were
 * once the guest had stopped; and when nobody dies any more it still moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "lab/doctor.h"
#include "lab/host/host.h"
#include "lab/site/helper.h"
#include "lab/site/layout.h"
#include "tests/world-support.h"

static const char *const host_names[] = {"hv-east", "hv-west"}; /* of one site here */

typedef struct {
  gboolean giver; /* who dies */
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
  gboolean goes; /* it is the other's then */
} Way;

static const Way ways[] = {
    {TRUE, TS_ACTION_HAND_HOLD, TS_DEATH_DURING, 1, FALSE},
    {TRUE, TS_ACTION_HAND_CARRY, TS_DEATH_DURING, 1, FALSE},
    {FALSE, TS_ACTION_HAND_SETTLE, TS_DEATH_AFTER, 1, FALSE},
    {FALSE, TS_ACTION_HAND_KEEP, TS_DEATH_AFTER, 1, FALSE}, /* WHOLE, and the other has not heard it */
    {TRUE, TS_ACTION_HAND_KEEP, TS_DEATH_BEFORE, 1, FALSE},
    {TRUE, TS_ACTION_HAND_KEEP, TS_DEATH_AFTER, 1, TRUE}, /* GIVEN */
    {FALSE, TS_ACTION_HAND_KEEP, TS_DEATH_AFTER, 2, TRUE}, /* TAKEN */
    {FALSE, TS_ACTION_HAND_TAKE, TS_DEATH_DURING, 1, TRUE},
    {FALSE, TS_ACTION_HAND_TAKE, TS_DEATH_AFTER, 1, TRUE},
    {TRUE, TS_ACTION_HAND_LEAVE, TS_DEATH_BEFORE, 1, TRUE},
    {TRUE, TS_ACTION_HAND_LEAVE, TS_DEATH_DURING, 1, TRUE},
};

typedef struct {
  TsTopology *topology;
  Heard *heard;
  TsWorld *world;
  char *folder;
  guint at, orders; /* at: the host that has the VM */
} Run;

static gint64
now_us (Run *run)
{
  return ts_lab_world_ops ()->now_us (run->world);
}

static void
let (Run *run, gint64 us)
{
  g_autoptr (GError) error = NULL;
  gint64 until_us = now_us (run) + us;
  while (now_us (run) < until_us)
    if (!ts_lab_world_ops ()->run_until (run->world, until_us, &error))
      fail_msg ("%s", error->message);
}

static TsOrder
order (Run *run, TsVerb verb)
{
  g_autofree char *id = g_strdup_printf ("%s-%u", ts_verb_name (verb), ++run->orders);
  return (TsOrder){.verb = verb, .step = g_intern_string (id), .host = -1, .site = -1, .policy = -1,
                   .link = -1, .medium_of = -1};
}

static void
give (Run *run, TsOrder what)
{
  g_autoptr (GError) error = NULL;
  if (!ts_lab_world_ops ()->order (run->world, &what, &error))
    fail_msg ("%s: %s", what.step, error->message);
  for (guint i = 0; heard_count (run->heard, "step", "id", what.step) == 0; i++) {
    if (i == 900)
      fail_msg ("%s does not end", what.step);
    let (run, TS_S / 10);
  }
}

/* Both disks in one text; NULL: not all of it is there.  any: at least something is. */
static char *
disks (Run *run, guint host, gboolean *any)
{
  static const char *const names[] = {"system", "data"};
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gboolean all = TRUE;
  *any = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = host == 0 ? g_strdup_printf ("%s/lab/hv-east/disks/db.%s.raw", run->folder, names[i])
                                      : g_strdup_printf ("%s/lab/hv-west/replica/db.%s.raw", run->folder, names[i]);
    char *data = NULL;
    gsize len = 0;
    if (!g_file_get_contents (path, &data, &len, NULL)) {
      all = FALSE;
      continue;
    }
    *any = TRUE;
    g_checksum_update (sum, (const guchar *)data, (gssize)len);
    g_free (data);
  }
  return all ? g_strdup (g_checksum_get_string (sum)) : NULL;
}

/* Is all of it on this host, nothing on the other, and nothing under way? */
static gboolean
settled (Run *run, guint host)
{
  gboolean here, there;
  g_autofree char *whole = disks (run, host, &here);
  g_autofree char *other = disks (run, !host, &there);
  gboolean moving = FALSE;
  for (guint h = 0; h < 2; h++) {
    g_autofree char *path = g_strdup_printf ("%s/lab/%s/moving.db", run->folder, host_names[h]);
    moving |= g_file_test (path, G_FILE_TEST_EXISTS);
  }
  return whole && !there && !moving;
}

static TsOrder
to_other (Run *run)
{
  TsOrder move = order (run, TS_DO_MOVE);
  move.host = run->at == 0 ? 1 : 0;
  return move;
}

static void
until_settled (Run *run, guint host, const char *what)
{
  gint64 deadline_us = now_us (run) + 25 * TS_S;
  while (!settled (run, host) && now_us (run) < deadline_us)
    let (run, TS_S / 5);
  if (!settled (run, host))
    fail_msg ("%s: the disks are not on %s alone", what, host_names[host]);
}

static void
die (Run *run, const Way *way, gboolean compare)
{
  gboolean any;
  g_autofree char *before = disks (run, run->at, &any);
  g_autofree char *what =
      g_strdup_printf ("%s %s %s %u", way->giver ? "giver" : "taker", ts_action_name (way->action),
                       ts_death_moment_name (way->moment), way->count);
  const TsDeath death = {TRUE, way->action, way->moment, way->count, 0};
  guint deaths = heard_count (run->heard, "fault", "id", "death");
  ts_lab_world_die_at (run->world, way->giver ? run->at : !run->at, &death);
  give (run, to_other (run));
  for (guint i = 0; i < 100 && heard_count (run->heard, "fault", "id", "death") == deaths; i++)
    let (run, TS_S / 10);
  if (heard_count (run->heard, "fault", "id", "death") == deaths)
    fail_msg ("%s: there was no such moment", what);
  TsOrder up = order (run, TS_DO_SITE_UP);
  up.site = 0;
  give (run, up);
  run->at = way->goes ? !run->at : run->at;
  until_settled (run, run->at, what);
  g_autofree char *after = disks (run, run->at, &any);
  if (compare)
    assert_string_equal (before, after);
  let (run, TS_S); /* for the other to hear that it is over */
  print_message ("%s: it is on %s\n", what, host_names[run->at]);
  fflush (stdout);
}

static void
never_both_never_none (void **state)
{
  Run *run = *state;
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    die (run, &ways[i], i > 0); /* at first it runs, and writes */
  for (guint i = 0; i < 2; i++) {
    const char *phase = "", *reason = "";
    for (guint n = 0; n < 5 && !g_str_equal (phase, "done"); n++) {
      TsOrder move = to_other (run);
      if (n > 0) /* the taker says every 5 s that it has the last one, until it is heard */
        let (run, 3 * TS_S);
      give (run, move);
      const TsRecord *step = heard_record (run->heard, "step", "id", move.step, 0);
      phase = ts_record_get_text (step, "phase");
      reason = ts_record_get_text (step, "reason");
    }
    if (!g_str_equal (phase, "done"))
      fail_msg ("nobody dies, and it does not move: %s", reason);
    run->at = !run->at;
    until_settled (run, run->at, "nobody dies");
  }
}

static int
prepare (void **state)
{
  Run *run = g_new0 (Run, 1);
  g_autoptr (GError) error = NULL;
  run->topology = world_topology ();
  ts_topology_host (run->topology, 1)->site = 0;
  run->heard = heard_new (run->topology);
  run->folder = g_dir_make_tmp ("twinsite-move-XXXXXX", NULL);
  TsWorldOptions options = {.folder = run->folder, .limit_us = TS_HOUR};
  run->world = ts_lab_world_ops ()->start (run->topology, &options, &run->heard->observer, &error);
  if (!run->world)
    fail_msg ("%s", error->message);
  *state = run;
  return 0;
}

static int
clear (void **state)
{
  Run *run = *state;
  ts_lab_world_ops ()->finish (run->world, NULL);
  ts_lab_world_ops ()->free (run->world);
  heard_free (run->heard);
  ts_topology_free (run->topology);
  ts_lab_remove_tree (run->folder, NULL);
  g_free (run->folder);
  g_free (run);
  return 0;
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc == 3 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  g_autoptr (GError) error = NULL;
  if (!ts_lab_doctor_pass (findings, &error)) {
    print_message ("no machines: %s\n", error->message);
    return 77;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (never_both_never_none, prepare, clear)};
  return cmocka_run_group_tests (tests, NULL, NULL);
}
