/* lab/host/relation-replica.c -- what the replica's side does: disks, logs, apply, failover.
 *
 * Disks and logs are the storage worker's, so that copy data, flushes, stores and seals keep their
 * order; applying runs beside them; the machine's worker starts and merges. */
#include "lab/host/host-internal.h"
#include "core/disk/apply.h"
#include "lab/machine/disk.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *
replica_folder (const TsLabRelation *relation)
{
  return ts_lab_path_host (&relation->host->layout, relation->host->config->name,
                           ts_lab_vm_storage (relation->vm));
}

static void
create (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  g_autofree char *folder = replica_folder (job->relation);
  ts_lab_extended_spoil (vm);
  if (g_mkdir_with_parents (folder, 0755) < 0) {
    ts_throw_errno (&job->error, "make %s", folder);
    return;
  }
  ts_lab_watch_end (job->relation);
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    if (!(job->action.disks >> i & 1))
      continue;
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    (void)g_unlink (path); /* of a try that failed half-way */
    ts_lab_disk_create (path, job->relation->create_bytes[i], &job->error);
  }
  ts_lab_extended_spoil (vm); /* CHOICE: also when the disk is a new one */
}

static gboolean
all_zero (const guint8 *data, gsize len)
{
  return len == 0 || (data[0] == 0 && memcmp (data, data + 1, len - 1) == 0);
}

static void
write_copy (TsLabJob *job)
{
  g_autofree char *path = ts_lab_vm_data_path (job->relation->vm, job->action.disk);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &job->error);
  gsize len = 0;
  const void *data = g_bytes_get_data (job->action.payload, &len);
  if (disk && all_zero (data, len))
    ts_lab_disk_clear (disk, job->action.offset_bytes, len, &job->error);
  else if (disk)
    disk->ops->write (disk, job->action.offset_bytes, data, len, &job->error);
  ts_lab_extended_wrote (job->relation->vm, job->action.disk, job->action.offset_bytes, len);
}

static void
flush (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    if (!(job->action.disks >> i & 1))
      continue;
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &job->error);
    if (disk)
      disk->ops->flush (disk, &job->error);
  }
}

static void
store (TsLabJob *job)
{
  const TsAction *action = &job->action;
  ts_lab_spool_store (job->relation->spool, action->set, action->disk, action->offset_bytes,
                      action->payload, &job->error);
}

static void
seal (TsLabJob *job)
{
  ts_lab_spool_seal (job->relation->spool, job->action.set, job->relation->vm->config->disks,
                     job->action.disks, &job->manifest, &job->error);
}

static void
drop (TsLabJob *job)
{
  ts_lab_spool_drop (job->relation->spool, job->action.set, &job->error);
}

static void
delete_set (TsLabJob *job)
{
  ts_lab_spool_delete_set (job->relation->spool, job->action.set, &job->error);
}

typedef struct { /* of one set: logs played onto their disks, several at once */
  TsLabRelation *relation;
  GPtrArray *logs; /* TsHrl */
  gint next;       /* disk; atomic */
  GError *error[TS_WIRE_DISKS_MAX];
} Play;

static gpointer
play_lane (gpointer data)
{
  Play *p = data;
  guint i;
  while ((i = (guint)g_atomic_int_add (&p->next, 1)) < p->logs->len) {
    if (!p->logs->pdata[i]) /* excluded */
      continue;
    TsDisk *disk = ts_lab_watch_disk (p->relation, i, &p->error[i]); /* is open */
    if (disk)
      ts_apply_log (disk, p->logs->pdata[i], &p->error[i]);
  }
  return NULL;
}

/* HVR 2.13, ApplyVHDLimit: this thread is one of so many. */
static void
play (TsLabRelation *relation, GPtrArray *logs, GError **error)
{
  Play p = {.relation = relation, .logs = logs};
  guint lanes = ts_host_settings_apply_lanes (&relation->host->config->settings, logs->len);
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  for (guint n = 1; n < lanes; n++)
    g_ptr_array_add (threads, g_thread_new ("apply-disk", play_lane, &p));
  play_lane (&p);
  for (guint n = 0; n < threads->len; n++)
    g_thread_join (threads->pdata[n]);
  for (guint i = 0; i < logs->len; i++) {
    if (p.error[i] && !*error)
      g_propagate_error (error, g_steal_pointer (&p.error[i]));
    g_clear_error (&p.error[i]);
  }
}

/* Before they are looked at: from then on nobody can write to them unseen. */
static gboolean
open_disks (TsLabRelation *relation, guint32 disks, GError **error)
{
  for (guint i = 0; i < relation->vm->config->disks; i++)
    if ((disks >> i & 1) && !ts_lab_watch_disk (relation, i, error))
      return FALSE;
  return TRUE;
}

/* Whole or not at all: every log of the set is checked, and what it overwrites saved and durable, on
 * all disks before the first byte is written on any; a crash in the middle is made good by playing
 * the stored logs again (redo: every write is absolute). */
static void
apply (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  guint disks = vm->config->disks;
  g_autoptr (GPtrArray) logs = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_hrl_free);
  if (!job->action.aside && !open_disks (job->relation, job->action.held | job->action.disks, &job->error))
    return;
  if (!job->action.aside && !ts_lab_watch_look (job->relation, job->action.held, &job->error))
    return;
  for (guint i = 0; i < disks; i++) {
    gboolean has = (job->action.disks >> i & 1) != 0; /* else the set holds nothing of it */
    TsHrl *log =
        has ? ts_lab_spool_log (job->relation->spool, job->action.set, i, &job->error) : NULL;
    if (has && !log)
      return;
    g_ptr_array_add (logs, log);
  }
  if (job->action.aside) { /* the disks themselves wait for the medium */
    for (guint i = 0; i < disks && !job->error; i++)
      if (logs->pdata[i])
        ts_lab_resync_apply (job->relation, i, logs->pdata[i], &job->error);
    return;
  }
  for (guint i = 0; i < disks && job->action.undo && !job->error; i++) {
    if (!logs->pdata[i] || !(job->action.undo->disks >> i & 1))
      continue;
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &job->error);
    if (disk)
      ts_lab_undo_save (job->relation->undo, &job->action.undo->point[0], i, disk, logs->pdata[i],
                        job->action.set, &job->error);
  }
  ts_lab_watch_write (job->relation);
  ts_lab_extended_apply_begin (vm, logs);
  play (job->relation, logs, &job->error);
  if (!job->error)
    ts_lab_watch_go_on (job->relation, job->action.held);
  ts_lab_extended_apply_end (job->relation, !job->error, job->action.instant_us);
}

static void
resize (TsLabJob *job)
{
  g_autofree char *path = ts_lab_vm_data_path (job->relation->vm, job->action.disk);
  ts_lab_watch_end (job->relation);
  if (truncate (path, (off_t)job->action.offset_bytes) < 0)
    ts_throw_errno (&job->error, "resize %s", path);
}

static void
keep (TsLabJob *job)
{
  ts_lab_undo_keep (job->relation->undo, job->action.undo, &job->error);
}

static void
branch (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  ts_lab_extended_hold (vm);
  ts_lab_vm_branch (vm, job->action.disks, job->relation->undo, job->action.undo, &job->error);
  ts_lab_extended_release (vm);
}

static void
merge (TsLabJob *job)
{
  ts_lab_watch_end (job->relation);
  ts_lab_extended_spoil (job->relation->vm);
  ts_lab_vm_merge_copy (job->relation->vm, &job->error);
  ts_lab_extended_spoil (job->relation->vm);
}

static void
power_on (TsLabJob *job)
{
  ts_lab_vm_start_copy (job->relation->vm, job->action.track, &job->error);
}

static void
powered_on (TsLabJob *job)
{
  if (!job->error)
    ts_lab_vm_is_on (job->relation->vm, "failover");
  ts_lab_job_done (job);
}

static void
discard (TsLabJob *job)
{
  ts_lab_vm_discard_copy (job->relation->vm, &job->error);
}

static void
discarded (TsLabJob *job)
{
  if (!job->error)
    ts_lab_vm_is_off (job->relation->vm, "failover cancelled");
  ts_lab_job_done (job);
}

static void
test_start (TsLabJob *job)
{
  ts_lab_vm_start_test (job->relation->vm, job->action.disks, job->relation->undo,
                        job->action.undo, &job->error);
}

static void
test_stop (TsLabJob *job)
{
  ts_lab_vm_stop_test (job->relation->vm, &job->error);
}

void
ts_lab_replica_perform (TsLabRelation *relation, TsAction *action)
{
  TsLabWorker *storage = relation->storage, *machine = relation->vm->worker;
  switch ((int)action->kind) {
  case TS_ACTION_CREATE:
    for (guint i = 0; i < relation->vm->config->disks; i++)
      relation->create_bytes[i] = ts_receiver_hello (relation->receiver)->disk[i].size_bytes;
    ts_lab_job_start (relation, action, storage, action->adopt ? ts_lab_initial_adopt : create, NULL);
    return;
  case TS_ACTION_WRITE:
    ts_lab_job_start (relation, action, storage, write_copy, NULL);
    return;
  case TS_ACTION_FLUSH:
    ts_lab_job_start (relation, action, storage, flush, NULL);
    return;
  case TS_ACTION_STORE:
    ts_lab_job_start (relation, action, storage, store, NULL);
    return;
  case TS_ACTION_SEAL:
    ts_lab_job_start (relation, action, storage, seal, NULL);
    return;
  case TS_ACTION_DROP:
    ts_lab_job_start (relation, action, storage, drop, ts_lab_job_complain);
    return;
  case TS_ACTION_DELETE_SET: /* the sender's too */
    ts_lab_job_start (relation, action, storage, delete_set, ts_lab_job_complain);
    return;
  case TS_ACTION_APPLY:
    ts_lab_job_start (relation, action, relation->apply, apply, NULL);
    return;
  case TS_ACTION_RESIZE:
    ts_lab_job_start (relation, action, relation->apply, resize, NULL);
    return;
  case TS_ACTION_KEEP: /* behind the apply that may still save to what goes */
    ts_lab_job_start (relation, action, relation->apply, keep, ts_lab_job_complain);
    return;
  case TS_ACTION_BRANCH:
    ts_lab_job_start (relation, action, machine, branch, NULL);
    return;
  case TS_ACTION_MERGE:
    ts_lab_job_start (relation, action, machine, merge, NULL);
    return;
  case TS_ACTION_POWER_ON:
    ts_lab_job_start (relation, action, machine, power_on, powered_on);
    return;
  case TS_ACTION_TEST_START:
    ts_lab_job_start (relation, action, machine, test_start, NULL);
    return;
  case TS_ACTION_TEST_STOP:
    ts_lab_job_start (relation, action, machine, test_stop, NULL);
    return;
  case TS_ACTION_DISCARD:
    ts_lab_job_start (relation, action, machine, discard, discarded);
    return;
  default:
    g_assert_not_reached ();
  }
}
