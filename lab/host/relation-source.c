/* lab/host/relation-source.c -- what the primary's side does: tracking, maps, cuts.
 *
 * All on the relation's storage worker, in order, so that the tracker has one user at a time. */
#include "lab/host/host-internal.h"
#include "core/base/units.h"
#include "lab/machine/disk.h"
#include <glib/gstdio.h>
#include <unistd.h>

/* The folder for a backup job's scratch files lies with the disks, which have room; the path to it
 * is short, since its socket lies there too. */
static char *
tracker_folder (TsLabVm *vm, GError **error)
{
  TsLabHost *host = vm->host;
  g_autofree char *name = g_strdup_printf ("scratch.%s", vm->config->name);
  g_autofree char *folder = ts_lab_path_host (&host->layout, host->config->name, name);
  g_autofree char *path = ts_lab_path_tracker (&host->layout, host->config->index, vm->index);
  if (g_mkdir_with_parents (folder, 0700) < 0 || (symlink (folder, path) < 0 && errno != EEXIST)) {
    ts_throw_errno (error, "make %s", folder);
    return NULL;
  }
  return g_steal_pointer (&path);
}

gboolean
ts_lab_vm_make_tracker (TsLabVm *vm, GError **error)
{
  if (vm->tracker)
    return TRUE;
  g_autofree char *folder = tracker_folder (vm, error);
  if (folder)
    vm->tracker = ts_lab_tracker_new (vm->machine, folder, error);
  return vm->tracker != NULL;
}

/* --- how much there is ------------------------------------------------------------------------ */

static void
measure (TsLabJob *job)
{
  TsLabVm *source = job->source;
  if (source->base)
    job->tracked_bytes = ts_lab_applied_bytes (source, job->action.disks);
  else if (source->tracker)
    ts_lab_tracker_bytes (source->tracker, job->action.disks, &job->tracked_bytes, &job->error);
}

static void
measured (TsLabJob *job)
{
  if (job->error || !job->relation->sender) /* it is asked again */
    return;
  TsEvent event = {.now_us = ts_lab_host_now_us (job->relation->host),
                   .kind = TS_EVENT_TRACKED,
                   .tracked = {job->tracked_bytes}};
  ts_lab_relation_step (job->relation, &event);
}

/* CHOICE: four times an interval, once a second at most; between two cuts the 50 % rule is seen that
 * much later than in the simulator. */
static void
measure_again (TsLabRelation *relation)
{
  gint64 every_us = MAX (ts_policy_interval_us (&relation->policy) / 4, TS_S);
  ts_lab_timer_set (relation->measure, ts_lab_host_now_us (relation->host) + every_us);
}

static void
measure_due (gpointer user)
{
  TsLabRelation *relation = user;
  TsAction none = {.kind = TS_ACTION_CUT, .disks = relation->measured_disks};
  ts_lab_job_start (relation, &none, relation->storage, measure, measured);
  measure_again (relation);
}

static void
measure_begin (TsLabRelation *relation)
{
  if (relation->measure)
    return;
  relation->measure = ts_lab_timer_new (&relation->host->clock, measure_due, relation);
  measure_again (relation);
}

void
ts_lab_source_measure_end (TsLabRelation *relation)
{
  g_clear_pointer (&relation->measure, ts_lab_timer_free);
}

static void
track (TsLabJob *job)
{
  TsLabVm *vm = job->source;
  if (!vm->machine) {
    ts_throw (&job->error, TS_ERROR_STATE, "the machine is not there");
    return;
  }
  if (ts_lab_vm_make_tracker (vm, &job->error))
    ts_lab_tracker_start (vm->tracker, &job->error);
}

static void
untrack (TsLabJob *job)
{
  TsLabVm *vm = job->source;
  if (vm->tracker)
    ts_lab_tracker_stop (vm->tracker, &job->error);
}

static void
tracked (TsLabJob *job)
{
  TsLabVm *vm = job->source;
  if (!job->error && !vm->on)
    ts_lab_watch_off (vm);
  ts_lab_job_done (job);
}

/* --- map -------------------------------------------------------------------------------------- */

/* What is allocated.  Zeros in it are not looked for: that would be reading all of it once more;
 * they are found when they are sent, and do not cross (format/frame.h). */
static void
map (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  g_autofree char *path = ts_lab_vm_data_path (vm, job->action.disk);
  ts_lab_extended_hold (vm);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &job->error);
  if (disk) {
    job->map = ts_extents_new ();
    if (ts_lab_disk_map (path, job->map, &job->error))
      ts_extents_align (job->map, 4 * TS_KIB, disk->size_bytes);
  }
  ts_lab_extended_release (vm);
}

/* --- cut -------------------------------------------------------------------------------------- */

static guint32
hrl_now_s (void)
{
  return (guint32)(g_get_real_time () / TS_S - TS_HRL_EPOCH_UNIX_S);
}

TsHrlInfo
ts_lab_source_log_info (const TsLabRelation *relation, guint64 set, guint disk)
{
  const TsLabVmConfig *vm = relation->vm->config;
  const TsLabHostConfig *host = relation->host->config;
  g_autofree char *name =
      g_strdup_printf ("log/%s/%s/%" G_GUINT64_FORMAT "/%u", vm->name, host->name, set, disk);
  TsRandom random;
  ts_random_init (&random, host->seed, name);
  TsHrlInfo info = {.time_s = hrl_now_s (),
                    .disk_bytes = ts_lab_vm_disk_bytes (relation->vm, disk),
                    .previous = relation->chain[disk]};
  info.unique = ts_guid_draw (&random);
  return info;
}

/* The chain is read here on the worker and moved on in the main loop, when the cut is done: there
 * is never more than one. */
static void
cut (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  TsLabVm *vm = relation->vm;
  guint disks = vm->config->disks;
  guint64 set = job->action.set;
  TsLabSpoolLog *logs[TS_WIRE_DISKS_MAX] = {NULL};
  TsHrlWriter *writers[TS_WIRE_DISKS_MAX] = {NULL};
  TsLabCutDisk changed[TS_WIRE_DISKS_MAX] = {{0}};
  gint64 instant_us = 0;
  TsLabTracker *tracker = job->source->tracker;
  gboolean ok = tracker != NULL;
  if (!ok)
    ts_throw (&job->error, TS_ERROR_LOST, "changes were not tracked");
  for (guint i = 0; ok && i < disks; i++) {
    if (!(job->action.disks >> i & 1))
      continue;
    TsHrlInfo info = ts_lab_source_log_info (relation, set, i);
    logs[i] = ts_lab_spool_create (relation->spool, set, i, &info, &job->error);
    ok = logs[i] != NULL;
    if (ok)
      writers[i] = ts_lab_spool_log_writer (logs[i]);
  }
  ok = ok &&
       ts_lab_tracker_cut (tracker, writers, hrl_now_s (), &instant_us, changed, &job->error);
  gboolean taken = ok;
  for (guint i = 0; ok && i < disks; i++) {
    if (!logs[i])
      continue;
    ok = ts_lab_spool_log_close (logs[i], hrl_now_s (), &job->logs[i], &job->error);
    job->logs[i].data_bytes = changed[i].data_bytes;
  }
  for (guint i = 0; i < disks; i++)
    ts_lab_spool_log_free (logs[i]);
  /* The tracker has forgotten what was in it, and it is not on disk. */
  if (taken && !ok)
    job->error->code = TS_ERROR_LOST;
  job->instant_us = ts_lab_clock_at (&relation->host->clock, instant_us);
}

/* What tracks it knows nothing of that. */
static void
cut_edited (TsLabJob *job)
{
  ts_throw (&job->error, TS_ERROR_LOST,
            "the disks were changed while the virtual machine was off");
}

static void
resize (TsLabJob *job)
{
  TsLabVm *vm = job->source;
  if (vm->machine)
    ts_lab_machine_resize (vm->machine, job->action.disk, job->action.offset_bytes, &job->error);
  else
    ts_throw (&job->error, TS_ERROR_STATE, "the machine is not there");
}

void
ts_lab_source_cut_done (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  for (guint i = 0; !job->error && i < relation->vm->config->disks; i++)
    if (job->logs[i].log_bytes > 0)
      relation->chain[i] = job->logs[i].unique;
  if (!job->error) {
    relation->measured_disks = job->action.disks;
    measure_begin (relation);
  }
  ts_lab_job_done (job);
}

/* --- freeze ----------------------------------------------------------------------------------- */

/* Our guest's agent speaks with the runner: it passes the question on (control.h). */
static void
freeze (TsLabRelation *relation, gboolean on)
{
  TsLabHost *host = relation->host;
  if (on)
    relation->freeze++;
  relation->freezing = on;
  if (*relation->vm->config->image)
    ts_lab_vm_freeze (relation->vm, relation->freeze, on);
  else if (host->control)
    ts_lab_control_send (host->control, on ? "freeze" : "thaw",
                         g_variant_new ("(st)", relation->vm->config->name, relation->freeze),
                         NULL); /* unheard it is late, and the cycle a standard one */
}

void
ts_lab_source_frozen (TsLabRelation *relation, guint64 number, gboolean ok, const char *reason)
{
  if (!relation->freezing || number != relation->freeze)
    return;
  relation->freezing = FALSE;
  TsEvent event = {.now_us = ts_lab_host_now_us (relation->host), .kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_FREEZE;
  event.done.ok = ok;
  event.done.code = TS_ERROR_STATE;
  event.done.reason = reason;
  ts_lab_relation_step (relation, &event);
}

void
ts_lab_source_perform (TsLabRelation *relation, TsAction *action)
{
  TsLabVm *source = ts_lab_relation_source (relation);
  if (relation->vm->base && ts_lab_extended_perform (relation, action))
    return;
  switch ((int)action->kind) {
  case TS_ACTION_TRACK:
    source->edited = FALSE;
    ts_lab_watch_forget_off (source);
    ts_lab_job_start (relation, action, relation->storage, track, tracked);
    return;
  case TS_ACTION_UNTRACK:
    ts_lab_source_measure_end (relation);
    ts_lab_job_start (relation, action, relation->storage, untrack, ts_lab_job_complain);
    return;
  case TS_ACTION_MAP:
    ts_lab_job_start (relation, action, relation->storage, map, NULL);
    return;
  case TS_ACTION_CUT:
    if (!source->on)
      ts_lab_watch_source (source);
    ts_lab_job_start (relation, action, relation->storage, source->edited ? cut_edited : cut,
                      ts_lab_source_cut_done);
    return;
  case TS_ACTION_RESIZE:
    ts_lab_watch_forget_off (source); /* what changes now is our own doing */
    ts_lab_job_start (relation, action, relation->storage, resize, NULL);
    return;
  case TS_ACTION_FREEZE:
    freeze (relation, TRUE);
    return;
  case TS_ACTION_THAW:
    freeze (relation, FALSE);
    return;
  case TS_ACTION_LOCK: /* by its state: whoever switches it on asks ts_state_allows (host.c) */
    return;
  default:
    g_assert_not_reached ();
  }
}
