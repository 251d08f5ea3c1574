/* lab/host/extend.c -- extended replication (HVR reference 2.11): a replica's disks are the source of another
 * relation, and what is applied to them is what that one tracks.  Twin of sim/extend.c.
 *
 * No machine runs on those disks, so no bitmap of QEMU's knows of it: the ranges that applies write are kept
 * in memory, under a lock that an apply holds from its first byte to its last, and a cut too, so that a cut is
 * between two applies.  The same lock keeps who reads the disks away while they are wrapped for a failover.
 * With this process the ranges are gone: the next cut says so, and the relation asks for a resynchronization.
 * CHOICE: so it does, too, when the replica's disks were changed by anything but an apply.
 *
 * When the copy goes on as the primary (`continue`), its machine's own tracker is asked instead. */
#include "core/relation/extend.h"
#include "core/base/units.h"
#include "lab/host/host-internal.h"
#include "lab/machine/disk.h"
#include <string.h>

#define ENTRY_MAX (256 * TS_KIB) /* as other cuts' (tracker.h) */

struct _TsLabApplied {
  GMutex lock;
  gboolean on;       /* it is tracked */
  gboolean half;     /* an apply has failed, and may have left half a set; it is done again */
  gint64 instant_us; /* of the set that was applied last in this life; -1: none */
  TsExtents *changed[TS_WIRE_DISKS_MAX];
  TsLabSeen seen[TS_WIRE_DISKS_MAX]; /* as that apply has left them */
  gboolean of_machine; /* only the main loop: the copy's tracker was started for this relation */
};

/* --- who hangs on whom ------------------------------------------------------------------------ */

void
ts_lab_extend_pair (TsLabHost *host)
{
  for (guint i = 0; i < host->vms->len; i++) {
    TsLabVm *vm = host->vms->pdata[i];
    for (guint b = 0; b < host->vms->len && g_str_equal (vm->config->home, host->config->name); b++) {
      TsLabVm *base = host->vms->pdata[b];
      if (base == vm || !g_str_equal (base->config->name, vm->config->extends))
        continue;
      vm->base = base;
      base->third = vm;
      vm->applied = g_new0 (TsLabApplied, 1);
      g_mutex_init (&vm->applied->lock);
      vm->applied->instant_us = -1;
      for (guint d = 0; d < vm->config->disks; d++)
        vm->applied->changed[d] = ts_extents_new ();
    }
  }
}

void
ts_lab_applied_free (TsLabApplied *applied)
{
  if (!applied)
    return;
  for (guint d = 0; d < TS_WIRE_DISKS_MAX; d++)
    ts_extents_free (applied->changed[d]);
  g_mutex_clear (&applied->lock);
  g_free (applied);
}

static TsLabRelation *
replica_below (const TsLabVm *vm)
{
  TsLabRelation *replica = vm->base ? ts_lab_host_relation (vm->host, vm->base) : NULL;
  return replica && replica->receiver ? replica : NULL;
}

gboolean
ts_lab_extended_goes_on (const TsLabVm *vm)
{
  const TsLabRelation *further = vm->third ? ts_lab_host_relation (vm->host, vm->third) : NULL;
  return further && further->sender && !ts_lab_host_relation (vm->host, vm);
}

TsLabVm *
ts_lab_relation_source (const TsLabRelation *relation)
{
  TsLabVm *base = relation->vm->base;
  return base && ts_lab_extended_goes_on (base) && base->machine ? base : relation->vm;
}

char *
ts_lab_extend_refusal (const TsLabVm *vm, const TsPolicy *policy)
{
  const TsLabRelation *replica = replica_below (vm);
  const TsHello *hello = replica ? ts_receiver_hello (replica->receiver) : NULL;
  if (!hello)
    return g_strdup_printf ("there is no replica of %s on %s", vm->config->extends,
                            vm->host->config->name);
  TsPolicy primary;
  ts_policy_init (&primary);
  primary.frequency_us = (gint64)hello->interval_us * hello->time_scale;
  return ts_extend_refusal (policy, &primary, ts_receiver_state (replica->receiver));
}

void
ts_lab_extended_tell (const TsLabVm *vm, gboolean on)
{
  TsLabRelation *replica = replica_below (vm);
  TsEvent event = {.now_us = ts_lab_host_now_us (vm->host), .kind = TS_EVENT_EXTENDED, .machine = {on}};
  if (replica)
    ts_lab_relation_step (replica, &event);
}

/* What a replica's machine knows of that it does not persist; and a `continue` that was cut off is done. */
void
ts_lab_extended_restored (TsLabHost *host)
{
  for (guint i = 0; i < host->vms->len; i++) {
    const TsLabVm *vm = host->vms->pdata[i];
    TsLabRelation *replica = replica_below (vm), *further = ts_lab_host_relation (host, vm);
    if (!replica || !further || !further->sender)
      continue;
    if (ts_receiver_state (replica->receiver) == TS_STATE_DISABLED)
      ts_lab_forget (replica, TS_ACTION_CONTINUE);
    else
      ts_lab_extended_tell (vm, TRUE);
  }
}

/* --- on workers: the replica's part ----------------------------------------------------------- */

static TsLabApplied *
applied_of (const TsLabVm *vm)
{
  return vm->base ? vm->applied : vm->third ? vm->third->applied : NULL;
}

void
ts_lab_extended_hold (const TsLabVm *vm)
{
  TsLabApplied *applied = applied_of (vm);
  if (applied)
    g_mutex_lock (&applied->lock);
}

void
ts_lab_extended_release (const TsLabVm *vm)
{
  TsLabApplied *applied = applied_of (vm);
  if (applied)
    g_mutex_unlock (&applied->lock);
}

void
ts_lab_extended_apply_begin (const TsLabVm *vm, const GPtrArray *logs)
{
  TsLabApplied *applied = applied_of (vm);
  if (!applied)
    return;
  g_mutex_lock (&applied->lock);
  applied->half = TRUE;
  memset (applied->seen, 0, sizeof applied->seen);
  for (guint d = 0; applied->on && d < logs->len; d++) {
    const TsHrl *log = logs->pdata[d];
    for (guint64 i = 0; log && i < ts_hrl_count (log); i++) {
      TsHrlEntry entry = ts_hrl_entry (log, i);
      ts_extents_add (applied->changed[d], entry.disk_offset_bytes, entry.len_bytes);
    }
  }
}

void
ts_lab_extended_apply_end (const TsLabRelation *replica, gboolean ok, gint64 instant_us)
{
  TsLabApplied *applied = applied_of (replica->vm);
  if (!applied)
    return;
  if (ok) {
    applied->half = FALSE;
    applied->instant_us = instant_us;
    memcpy (applied->seen, replica->seen, sizeof applied->seen);
  }
  g_mutex_unlock (&applied->lock);
}

void
ts_lab_extended_wrote (const TsLabVm *vm, guint disk, guint64 offset_bytes, guint64 len_bytes)
{
  TsLabApplied *applied = applied_of (vm);
  if (!applied)
    return;
  g_mutex_lock (&applied->lock);
  if (applied->on)
    ts_extents_add (applied->changed[disk], offset_bytes, len_bytes);
  applied->seen[disk].known = FALSE;
  g_mutex_unlock (&applied->lock);
}

static void
forget (TsLabApplied *applied, gboolean on)
{
  g_mutex_lock (&applied->lock);
  applied->on = on;
  memset (applied->seen, 0, sizeof applied->seen);
  for (guint d = 0; d < TS_WIRE_DISKS_MAX; d++)
    if (applied->changed[d])
      ts_extents_clear (applied->changed[d]);
  g_mutex_unlock (&applied->lock);
}

void
ts_lab_extended_spoil (const TsLabVm *vm)
{
  if (vm->third)
    forget (vm->third->applied, FALSE);
}

/* --- on the storage worker: the further relation's -------------------------------------------- */

guint64
ts_lab_applied_bytes (const TsLabVm *vm, guint32 disks)
{
  guint64 bytes = 0;
  g_mutex_lock (&vm->applied->lock);
  for (guint d = 0; d < vm->config->disks; d++)
    if (disks >> d & 1)
      bytes += ts_extents_bytes (vm->applied->changed[d]);
  g_mutex_unlock (&vm->applied->lock);
  return bytes;
}

static void
track (TsLabJob *job)
{
  forget (job->relation->vm->applied, TRUE);
}

static void
untrack (TsLabJob *job)
{
  forget (job->relation->vm->applied, FALSE);
}

static void
not_whole (TsLabJob *job)
{
  ts_throw (&job->error, TS_ERROR_AGAIN, TS_EXTEND_NOT_WHOLE);
}

static void
not_tracked (TsLabJob *job)
{
  ts_throw (&job->error, TS_ERROR_LOST, "changes were not tracked");
}

/* That nothing is known is worse than that it is not the time. */
static void
not_now (TsLabJob *job)
{
  TsLabApplied *applied = job->relation->vm->applied;
  g_mutex_lock (&applied->lock);
  gboolean on = applied->on;
  g_mutex_unlock (&applied->lock);
  (on ? not_whole : not_tracked) (job);
}

static gboolean
write_changed (const TsExtents *changed, TsDisk *disk, TsHrlWriter *writer, guint32 time_s,
               GError **error)
{
  g_autofree guint8 *data = g_malloc (ENTRY_MAX);
  TsExtent piece;
  for (guint64 at = 0; ts_extents_next (changed, at, ENTRY_MAX, &piece);) {
    if (!disk->ops->read (disk, piece.offset_bytes, data, piece.len_bytes, error) ||
        !ts_hrl_writer_add (writer, piece.offset_bytes, data, (guint32)piece.len_bytes, time_s, error))
      return FALSE;
    at = piece.offset_bytes + piece.len_bytes;
  }
  return TRUE;
}

static gboolean
cut_disk (TsLabJob *job, guint d, GError **error)
{
  TsLabRelation *relation = job->relation;
  const TsExtents *changed = relation->vm->applied->changed[d];
  g_autofree char *path = ts_lab_vm_data_path (relation->vm, d);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, error);
  if (!disk)
    return FALSE;
  TsHrlInfo info = ts_lab_source_log_info (relation, job->action.set, d);
  TsLabSpoolLog *log = ts_lab_spool_create (relation->spool, job->action.set, d, &info, error);
  gboolean ok = log &&
                write_changed (changed, disk, ts_lab_spool_log_writer (log), info.time_s, error) &&
                ts_lab_spool_log_close (log, info.time_s, &job->logs[d], error);
  job->logs[d].data_bytes = ts_extents_bytes (changed);
  ts_lab_spool_log_free (log);
  return ok;
}

/* What changed stays marked until all of it is in logs that are durable. */
static void
cut (TsLabJob *job)
{
  const TsLabVm *vm = job->relation->vm;
  TsLabApplied *applied = vm->applied;
  g_mutex_lock (&applied->lock);
  if (!applied->on)
    not_tracked (job);
  else if (applied->half)
    not_whole (job);
  else if (!ts_lab_watch_is_same (vm, job->action.disks, applied->seen, &job->error))
    job->error->code = TS_ERROR_LOST; /* what is read now is not what was applied */
  for (guint d = 0; d < vm->config->disks && !job->error; d++)
    if (job->action.disks >> d & 1)
      cut_disk (job, d, &job->error);
  for (guint d = 0; d < vm->config->disks && !job->error; d++)
    ts_extents_clear (applied->changed[d]);
  job->instant_us = MAX (job->action.instant_us, applied->instant_us);
  g_mutex_unlock (&applied->lock);
}

gboolean
ts_lab_extended_perform (TsLabRelation *relation, TsAction *action)
{
  TsLabVm *vm = relation->vm;
  const TsLabRelation *replica = replica_below (vm);
  gboolean whole = !replica || ts_receiver_whole (replica->receiver);
  gboolean of_machine = ts_lab_relation_source (relation) != vm;
  if (of_machine && action->kind == TS_ACTION_CUT && !vm->applied->of_machine) {
    ts_lab_job_start (relation, action, relation->storage, not_tracked, NULL);
    return TRUE;
  }
  if (of_machine) {
    vm->applied->of_machine |= action->kind == TS_ACTION_TRACK;
    return FALSE;
  }
  switch ((int)action->kind) {
  case TS_ACTION_TRACK:
    ts_lab_job_start (relation, action, relation->storage, whole ? track : not_whole, NULL);
    return TRUE;
  case TS_ACTION_UNTRACK:
    ts_lab_source_measure_end (relation);
    ts_lab_job_start (relation, action, relation->storage, untrack, ts_lab_job_complain);
    return TRUE;
  case TS_ACTION_CUT: /* what past of the source the disks are; nobody writes to them when there is none */
    action->instant_us =
        replica ? ts_receiver_applied_us (replica->receiver) : ts_lab_host_now_us (vm->host);
    ts_lab_job_start (relation, action, relation->storage, whole ? cut : not_now,
                      ts_lab_source_cut_done);
    return TRUE;
  default:
    return FALSE;
  }
}
