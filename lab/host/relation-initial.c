/* lab/host/relation-initial.c -- initial replication: disks that are there already, and a copy that
 * comes on a medium.  Twin of sim/relation-initial.c.
 *
 * All on the relation's storage worker: in order with what else is done to the same disks. */
#include "core/base/error.h"
#include "lab/host/host-internal.h"
#include "lab/host/medium.h"
#include "lab/machine/disk.h"

static char *
folder_of (const TsLabRelation *relation, const char *room)
{
  const TsLabVmConfig *vm = relation->vm->config;
  const char *share = relation->vm->share[g_str_equal (room, "import")];
  if (share)
    return ts_lab_medium_folder (&relation->host->layout, "shares", share, vm->name, &vm->id);
  return ts_lab_medium_folder (&relation->host->layout, relation->host->config->name, room,
                               vm->name, &vm->id);
}

void
ts_lab_initial_adopt (TsLabJob *job)
{
  TsLabVm *vm = job->relation->vm;
  if (vm->machine && ts_lab_machine_running (vm->machine)) {
    ts_throw (&job->error, TS_ERROR_STATE, "the copy of the virtual machine here is running");
    return;
  }
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    g_autofree char *overlay = ts_lab_vm_overlay_path (vm, i);
    g_autoptr (GError) reason = NULL;
    g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &reason);
    if (!(job->action.disks >> i & 1))
      continue;
    if (!disk)
      ts_throw (&job->error, TS_ERROR_STATE, "there is no copy of the virtual machine here: %s",
                reason->message);
    else if (disk->size_bytes != job->relation->create_bytes[i])
      ts_throw (&job->error, TS_ERROR_STATE, "disk %s of the copy here has another size",
                vm->config->disk[i].name);
    else if (g_file_test (overlay, G_FILE_TEST_EXISTS))
      ts_throw (&job->error, TS_ERROR_STATE, "the copy here has a failover that is not committed");
  }
  if (!job->error) /* only plain data are wanted of what it was */
    ts_lab_vm_leave (vm, &job->error);
}

static void
export (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  const TsAction *action = &job->action;
  g_autofree char *folder = folder_of (relation, "export");
  g_autofree char *path = ts_lab_vm_data_path (relation->vm, action->disk);
  if (relation->export_run != action->set && !ts_lab_medium_begin (folder, &job->error))
    return;
  relation->export_run = action->set;
  /* Read while the guest writes: what is torn or missed here is in the first cut (sender.h). */
  job->hashes = ts_lab_medium_put (folder, relation->vm->config->disk[action->disk].name, path,
                                   action->offset_bytes, action->len_bytes, &job->error);
}

static void
export_end (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  g_autofree char *folder = folder_of (relation, "export");
  if (relation->export_run != job->action.set && !ts_lab_medium_begin (folder, &job->error))
    return; /* of disks that hold nothing */
  ts_lab_medium_end (folder, job->action.payload, &job->error);
}

static void
export_drop (TsLabJob *job)
{
  g_autofree char *folder = folder_of (job->relation, "export");
  job->relation->export_run = 0;
  ts_lab_remove_tree (folder, &job->error);
}

static void
import_open (TsLabJob *job)
{
  g_autofree char *folder = folder_of (job->relation, "import");
  ts_lab_watch_end (job->relation); /* its pieces are written to the disks themselves */
  job->medium = ts_lab_medium_list (folder, &job->error);
}

static void
import (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  const TsAction *action = &job->action;
  g_autofree char *folder = folder_of (relation, "import");
  g_autofree char *path = ts_lab_vm_data_path (relation->vm, action->disk);
  job->hashes = ts_lab_medium_get (folder, relation->vm->config->disk[action->disk].name, path,
                                   action->offset_bytes, action->len_bytes, &job->error);
}

void
ts_lab_initial_perform (TsLabRelation *relation, TsAction *action)
{
  TsLabWorker *storage = relation->storage;
  switch ((int)action->kind) {
  case TS_ACTION_EXPORT:
    ts_lab_job_start (relation, action, storage, export, NULL);
    return;
  case TS_ACTION_EXPORT_END:
    ts_lab_job_start (relation, action, storage, export_end, NULL);
    return;
  case TS_ACTION_EXPORT_DROP:
    ts_lab_job_start (relation, action, storage, export_drop, ts_lab_job_complain);
    return;
  case TS_ACTION_IMPORT_OPEN:
    ts_lab_job_start (relation, action, storage, import_open, NULL);
    return;
  case TS_ACTION_IMPORT:
    ts_lab_job_start (relation, action, storage, import, NULL);
    return;
  default:
    g_assert_not_reached ();
  }
}
