/* lab/host/owner.c -- whose replica a host keeps: the server that created it, its trust group, and the
 * place where its disks lie.
 *
 * Written once, when the replica is created: a storage location that is changed later counts for
 * later replicas only (HVR reference 1.3). */
#include "lab/host/host-internal.h"
#include "core/base/error.h"
#include "core/seam/topology.h"

#define OWNER_TYPE "(sss)" /* server, trust group, storage */

static char *
owner_path (const TsLabVm *vm)
{
  return ts_lab_path_state (&vm->host->layout, vm->host->config->name, vm->config->name, "owner");
}

const char *
ts_lab_vm_storage (const TsLabVm *vm)
{
  return vm->storage ? vm->storage : TS_STORAGE_DEFAULT;
}

gboolean
ts_lab_vm_admit (const TsLabVm *vm, const char *peer, TsGrant *grant, GError **error)
{
  const TsAuthorization *authorization = vm->host->config->authorization;
  TsReplicaOwner owner = {vm->owner, vm->owner_group};
  return owner.server ? ts_authorization_admit_replica (authorization, peer, &owner, grant, error)
                      : ts_authorization_admit (authorization, peer, grant, error);
}

static void
set_owner (TsLabVm *vm, const char *server, const char *trust_group, const char *storage)
{
  ts_lab_vm_forget_owner (vm);
  vm->owner = g_strdup (server);
  vm->owner_group = g_strdup (trust_group);
  vm->storage = g_strdup (storage);
}

gboolean
ts_lab_vm_inherit (TsLabVm *vm, const char *server, const char *trust_group, const char *storage,
                   GError **error)
{
  g_autofree char *path = owner_path (vm);
  g_autoptr (GVariant) owner =
      g_variant_ref_sink (g_variant_new (OWNER_TYPE, server, trust_group, storage));
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (owner);
  if (!ts_lab_state_save (path, bytes, error))
    return FALSE;
  g_autofree char *kept = g_strdup (storage); /* it may be our own */
  set_owner (vm, server, trust_group, kept);
  return TRUE;
}

/* A replica whose primary has moved stays where its disks are. */
gboolean
ts_lab_vm_own (TsLabVm *vm, const char *peer, const TsGrant *grant, GError **error)
{
  gboolean is_there = vm->storage && ts_lab_host_relation (vm->host, vm);
  const char *storage = is_there ? vm->storage : grant->storage_location;
  if (!ts_lab_vm_inherit (vm, peer, grant->trust_group, storage, error))
    return FALSE;
  TsRecord *record = ts_lab_host_record (vm->host, vm, "authorized");
  ts_record_text (record, "peer", peer);
  ts_record_text (record, "entry",
                  grant->allowed_primary_server ? grant->allowed_primary_server : "");
  ts_record_text (record, "storage", vm->storage);
  ts_lab_host_report (vm->host, ts_record_text (record, "trust_group", grant->trust_group));
  return TRUE;
}

gboolean
ts_lab_vm_recall_owner (TsLabVm *vm, GError **error)
{
  g_autofree char *path = owner_path (vm);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) bytes = ts_lab_state_load (path, &reason);
  if (!bytes) {
    if (reason)
      g_propagate_error (error, g_steal_pointer (&reason));
    return reason == NULL;
  }
  g_autoptr (GVariant) owner =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (OWNER_TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (owner))
    return ts_throw (error, TS_ERROR_FORMAT, "%s: not in normal form", path);
  const char *server, *trust_group, *storage;
  g_variant_get (owner, "(&s&s&s)", &server, &trust_group, &storage);
  if (!ts_lab_name_is_plain (storage)) /* it becomes part of a path */
    return ts_throw (error, TS_ERROR_FORMAT, "%s: \"%s\" is no storage location", path, storage);
  set_owner (vm, server, trust_group, storage);
  return TRUE;
}

void
ts_lab_vm_forget_owner (TsLabVm *vm)
{
  g_clear_pointer (&vm->owner, g_free);
  g_clear_pointer (&vm->owner_group, g_free);
  g_clear_pointer (&vm->storage, g_free);
}
