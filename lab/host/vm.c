/* lab/host/vm.c -- the machine of one VM on this host: at home on its own disks, or as a copy on
 * overlays.
 *
 * libvirt is asked on a worker; whether the machine is on is looked at again and again, so that one
 * that stops by itself is noticed too. */
#include "lab/host/move.h"
#include "core/base/units.h"
#include "lab/machine/disk.h"
#include "lab/machine/image.h"
#include <errno.h>
#include <glib/gstdio.h>

#define LOOK_US (200 * TS_MS)
#define SHUT_DOWN_US (60 * TS_S) /* CHOICE: a guest that has not stopped by then does not stop */
#define CMDLINE "console=ttyS0 quiet panic=-1"

static gboolean
at_its_home (const TsLabVm *vm)
{
  return g_str_equal (vm->config->home, vm->host->config->name);
}

char *
ts_lab_vm_data_path (const TsLabVm *vm, guint disk)
{
  const char *host = vm->host->config->name, *name = vm->config->disk[disk].name;
  if (vm->base)
    return ts_lab_vm_data_path (vm->base, disk);
  return at_its_home (vm)
             ? ts_lab_path_data (&vm->host->layout, host, vm->config->name, name)
             : ts_lab_path_replica (&vm->host->layout, host, ts_lab_vm_storage (vm),
                                    vm->config->name, name);
}

char *
ts_lab_vm_overlay_path (const TsLabVm *vm, guint disk)
{
  return ts_lab_path_overlay (&vm->host->layout, vm->host->config->name, ts_lab_vm_storage (vm),
                              vm->config->name, vm->config->disk[disk].name);
}

guint64
ts_lab_vm_disk_bytes (const TsLabVm *vm, guint disk)
{
  g_autofree char *data = ts_lab_vm_data_path (vm, disk);
  GStatBuf info;
  return g_stat (data, &info) == 0 ? (guint64)info.st_size : vm->config->disk[disk].size_bytes;
}

gboolean
ts_lab_vm_has_disk (const TsLabVm *vm, guint disk)
{
  g_autofree char *data = ts_lab_vm_data_path (vm, disk);
  return vm->config->disk[disk].attached || g_file_test (data, G_FILE_TEST_EXISTS);
}

char *
ts_lab_vm_wrap_path (const TsLabVm *vm, guint disk)
{
  return ts_lab_path_disk (&vm->host->layout, vm->host->config->name, vm->config->name,
                           vm->config->disk[disk].name);
}

/* --- is it on? -------------------------------------------------------------------------------- */

typedef struct {
  TsLabVm *vm;
  gboolean running;
} Look;

static void
look (gpointer data)
{
  Look *looked = data;
  looked->running = looked->vm->machine && ts_lab_machine_running (looked->vm->machine);
}

static void
looked_at (gpointer data)
{
  Look *looked = data;
  TsLabVm *vm = looked->vm;
  TsLabHost *host = vm->host;
  vm->looking = FALSE;
  if (!vm->on)
    return;
  gint64 now_us = ts_lab_host_now_us (host);
  if (looked->running) {
    if (now_us >= vm->shut_down_by_us) {
      vm->shut_down_by_us = TS_NEVER;
      TsRecord *record = ts_lab_host_record (host, vm, "failure");
      ts_record_text (record, "action", "shut-down");
      ts_lab_host_report (host, ts_record_text (record, "reason", "the guest does not power off"));
      ts_lab_move_machine_stays_on (vm->move, "the guest does not power off");
    }
    ts_lab_timer_set (vm->watch, now_us + LOOK_US);
    return;
  }
  ts_lab_vm_is_off (vm, vm->shut_down_by_us != TS_NEVER ? "shutdown" : "stopped by itself");
}

static void
watch (gpointer user)
{
  TsLabVm *vm = user;
  if (!vm->on || vm->looking)
    return;
  Look *looked = g_new0 (Look, 1);
  looked->vm = vm;
  vm->looking = TRUE;
  ts_lab_worker_push (vm->worker, look, looked_at, g_free, looked);
}

void
ts_lab_vm_is_on (TsLabVm *vm, const char *why)
{
  TsLabHost *host = vm->host;
  vm->on = TRUE;
  vm->shut_down_by_us = TS_NEVER;
  TsRecord *record = ts_record_bool (ts_lab_host_record (host, vm, "power"), "on", TRUE);
  ts_lab_host_report (host, ts_record_text (record, "why", why));
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  if (relation)
    ts_lab_relation_machine (relation, TRUE);
  ts_lab_timer_set (vm->watch, ts_lab_host_now_us (host) + LOOK_US);
}

void
ts_lab_vm_is_off (TsLabVm *vm, const char *why)
{
  TsLabHost *host = vm->host;
  if (!vm->on)
    return;
  vm->on = FALSE;
  vm->shut_down_by_us = TS_NEVER;
  TsRecord *record = ts_record_bool (ts_lab_host_record (host, vm, "power"), "on", FALSE);
  ts_lab_host_report (host, ts_record_text (record, "why", why));
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  if (!relation || relation->sender)
    ts_lab_watch_off (vm);
  if (relation)
    ts_lab_relation_machine (relation, FALSE);
  ts_lab_move_machine_off (vm->move);
}

static void
press (gpointer data)
{
  TsLabVm *vm = data;
  g_autoptr (GError) error = NULL;
  if (vm->machine && !ts_lab_machine_shut_down (vm->machine, &error))
    g_printerr ("twinsite host: %s\n", error->message); /* that it does not stop, is told anyway */
}

static void
nothing (gpointer data)
{
}

void
ts_lab_vm_expect_off (TsLabVm *vm)
{
  gint64 now_us = ts_lab_host_now_us (vm->host);
  if (*vm->config->image) /* our own guest is told by the runner */
    ts_lab_worker_push (vm->worker, press, nothing, nothing, vm);
  vm->shut_down_by_us = now_us + SHUT_DOWN_US;
  ts_lab_timer_set (vm->watch, now_us);
}

/* --- on the worker ---------------------------------------------------------------------------- */

static gboolean
make_disks (TsLabVm *vm, guint wanted, GError **error)
{
  const TsLabVmConfig *config = vm->config;
  g_autofree char *folder = ts_lab_path_host (&vm->host->layout, vm->host->config->name, "disks");
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  for (guint i = 0; i < config->disks; i++) {
    g_autofree char *path = ts_lab_vm_wrap_path (vm, i);
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    if (g_file_test (path, G_FILE_TEST_EXISTS) || (i != wanted && !ts_lab_vm_has_disk (vm, i)))
      continue;
    if (g_file_test (data, G_FILE_TEST_EXISTS)) { /* it was leaving when its host died (turn.c) */
      if (!ts_lab_disk_wrap (path, data, config->disk[i].size_bytes, error))
        return FALSE;
      continue;
    }
    if (!ts_lab_disk_create_tracked (path, data, config->disk[i].size_bytes, error) ||
        !ts_lab_disk_fill (data, i, config->disk[i].fill_bytes, vm->host->config->seed, error))
      return FALSE;
    if (i == 0 && *config->image && !ts_lab_image_file_copy (config->image, data, error)) {
      g_unlink (path); /* half a copy is none */
      g_unlink (data);
      return FALSE;
    }
  }
  return TRUE;
}

/* Names on disk, by what the machine is. */
typedef struct {
  const char *name_end, *console_end;
  char *(*disk) (const TsLabVm *vm, guint disk);
  char *(*channel) (const TsLabLayout *layout, guint host, guint vm);
} Kind;

static char *
test_path (const TsLabVm *vm, guint disk)
{
  return ts_lab_path_test (&vm->host->layout, vm->host->config->name, ts_lab_vm_storage (vm),
                           vm->config->name, vm->config->disk[disk].name);
}

/* The overlay, or what it was merged into. */
static char *
copy_path (const TsLabVm *vm, guint disk)
{
  g_autofree char *overlay = ts_lab_vm_overlay_path (vm, disk);
  return g_file_test (overlay, G_FILE_TEST_EXISTS) ? g_steal_pointer (&overlay)
                                                   : ts_lab_vm_wrap_path (vm, disk);
}

static const Kind at_home = {"", ".console", ts_lab_vm_wrap_path, ts_lab_path_channel};
static const Kind as_copy = {"", ".console", copy_path, ts_lab_path_channel};
static const Kind as_test = {TS_LAB_TEST_NAME_END, ".test.console", test_path, ts_lab_path_test_channel};

static gboolean
define (TsLabVm *vm, const Kind *kind, TsLabMachine **machine, GError **error)
{
  const TsLabHostConfig *host = vm->host->config;
  const TsLabVmConfig *config = vm->config;
  g_autofree char *name = g_strconcat (config->name, kind->name_end, NULL);
  g_autofree char *channel = kind->channel (&vm->host->layout, host->index, vm->index);
  g_autofree char *console_name = g_strconcat (config->name, kind->console_end, NULL);
  g_autofree char *console = ts_lab_path_host (&vm->host->layout, host->name, console_name);
  g_autofree char *nvram =
      ts_lab_path_nvram (&vm->host->layout, host->name, config->name, kind == &as_test);
  g_autofree char *cable = ts_lab_name_cable (host->index, vm->index, kind == &as_test);
  g_autofree char *nvram_folder = g_path_get_dirname (nvram);
  if (config->uefi && g_mkdir_with_parents (nvram_folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", nvram_folder);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  TsLabMachineSpec spec = {.name = name,
                           .id = config->id,
                           .memory_bytes = config->memory_bytes,
                           .kernel = host->kernel,
                           .initrd = host->initrd,
                           .cmdline = CMDLINE,
                           .channel_path = channel,
                           .console_path = console,
                           .disks = config->disks};
  if (*config->image) {
    const char *copys = *config->copy_cmdline ? config->copy_cmdline : config->cmdline;
    spec.own = TRUE;
    spec.kernel = *config->kernel ? config->kernel : NULL;
    spec.initrd = *config->initrd ? config->initrd : NULL;
    spec.cmdline = kind == &at_home ? config->cmdline : copys;
    spec.nvram_path = config->uefi ? nvram : NULL;
    spec.agent = config->agent;
    spec.nic_device = config->nic ? cable : NULL;
    spec.nic_e1000 = config->nic_e1000;
    /* A replica's cable is not plugged in until it takes over (HVR reference 2.2). */
    spec.nic_connected = kind == &at_home   ? TRUE
                         : kind == &as_copy ? config->nic_copy_connected || at_its_home (vm)
                                            : config->nic_test_isolated;
  }
  if (kind == &as_test) /* another machine; libvirt knows machines by their ids */
    spec.id.bytes[0] ^= 0xff;
  for (guint i = 0; i < config->disks; i++) {
    if (kind == &at_home && !ts_lab_vm_has_disk (vm, i)) { /* they are the last ones */
      spec.disks = i;
      spec.hotplug = TRUE;
      break;
    }
    g_ptr_array_add (paths, kind->disk (vm, i));
    spec.disk[i].name = config->disk[i].name;
    spec.disk[i].path = paths->pdata[i];
  }
  if (!*machine)
    *machine = ts_lab_machine_define (vm->host->hypervisor, &spec, error);
  return *machine != NULL;
}

static gboolean
define_and_start (TsLabVm *vm, const Kind *kind, TsLabMachine **machine, GError **error)
{
  return define (vm, kind, machine, error) && ts_lab_machine_start (*machine, error);
}

/* An empty disk, in the place of one that is not replicated.  What stands there was put by an earlier
 * failover, which may have run on it and was taken back. */
static gboolean
put_blank (const TsLabVm *vm, guint disk, GError **error)
{
  g_autofree char *data = ts_lab_vm_data_path (vm, disk);
  (void)g_unlink (data);
  return ts_lab_disk_create (data, vm->config->disk[disk].size_bytes, error);
}

gboolean
ts_lab_vm_branch (TsLabVm *vm, guint32 which, TsLabUndo *undo, const TsUndo *way, GError **error)
{
  const char *const rooms[] = {"disks", ts_lab_vm_storage (vm)};
  for (guint i = 0; i < G_N_ELEMENTS (rooms); i++) {
    g_autofree char *folder =
        ts_lab_path_host (&vm->host->layout, vm->host->config->name, rooms[i]);
    if (g_mkdir_with_parents (folder, 0755) < 0)
      return ts_throw_errno (error, "make %s", folder);
  }
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    g_autofree char *wrap = ts_lab_vm_wrap_path (vm, i);
    g_autofree char *overlay = ts_lab_vm_overlay_path (vm, i);
    gboolean has = (which >> i & 1) != 0;
    (void)g_unlink (overlay);
    if ((!has && !put_blank (vm, i, error)) ||
        !ts_lab_disk_wrap (wrap, data, ts_lab_vm_disk_bytes (vm, i), error) ||
        !ts_lab_disk_create_branch (overlay, wrap, ts_lab_vm_disk_bytes (vm, i), error) ||
        (has && !ts_lab_undo_play (undo, way, i, overlay, error)))
      return FALSE;
  }
  vm->branched = TRUE;
  return TRUE;
}

/* Tracked from its first write on: it waits until that is so. */
static gboolean
start_tracked (TsLabVm *vm, GError **error)
{
  if (!ts_lab_machine_start_paused (vm->machine, error))
    return FALSE;
  if (ts_lab_vm_make_tracker (vm, error) && ts_lab_tracker_start (vm->tracker, error) &&
      ts_lab_machine_go_on (vm->machine, error))
    return TRUE;
  ts_lab_machine_destroy (vm->machine, NULL);
  return FALSE;
}

gboolean
ts_lab_vm_start_copy (TsLabVm *vm, gboolean track, GError **error)
{
  track = track && vm->branched; /* of one that has written before it is too late to track it */
  vm->branched = FALSE;
  if (!define (vm, &as_copy, &vm->machine, error))
    return FALSE;
  return track ? start_tracked (vm, error) : ts_lab_machine_start (vm->machine, error);
}

gboolean
ts_lab_vm_merge_copy (TsLabVm *vm, GError **error)
{
  if (!define (vm, &as_copy, &vm->machine, error) ||
      !ts_lab_machine_commit_overlays (vm->machine, error))
    return FALSE;
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *path = ts_lab_vm_overlay_path (vm, i);
    (void)g_unlink (path);
  }
  return TRUE;
}

gboolean
ts_lab_vm_leave (TsLabVm *vm, GError **error)
{
  g_clear_pointer (&vm->tracker, ts_lab_tracker_free);
  g_clear_pointer (&vm->machine, ts_lab_machine_free);
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *path = ts_lab_vm_wrap_path (vm, i);
    if (g_unlink (path) < 0 && errno != ENOENT)
      return ts_throw_errno (error, "delete %s", path);
  }
  return TRUE;
}

gboolean
ts_lab_vm_wrap (TsLabVm *vm, GError **error)
{
  g_autofree char *folder = ts_lab_path_host (&vm->host->layout, vm->host->config->name, "disks");
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *wrap = ts_lab_vm_wrap_path (vm, i);
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    if (g_file_test (data, G_FILE_TEST_EXISTS) &&
        !ts_lab_disk_wrap (wrap, data, ts_lab_vm_disk_bytes (vm, i), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_vm_go (TsLabVm *vm, GError **error)
{
  g_autofree char *nvram =
      ts_lab_path_nvram (&vm->host->layout, vm->host->config->name, vm->config->name, FALSE);
  if (!ts_lab_vm_leave (vm, error))
    return FALSE;
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    if (g_unlink (data) < 0 && errno != ENOENT)
      return ts_throw_errno (error, "delete %s", data);
  }
  (void)g_unlink (nvram);
  return TRUE;
}

static gboolean
delete_overlays (const TsLabVm *vm, const Kind *kind, GError **error)
{
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *path = kind == &as_copy ? ts_lab_vm_overlay_path (vm, i) : kind->disk (vm, i);
    if (g_unlink (path) < 0 && errno != ENOENT)
      return ts_throw_errno (error, "delete %s", path);
  }
  return TRUE;
}

gboolean
ts_lab_vm_discard_copy (TsLabVm *vm, GError **error)
{
  /* The machine goes too: a next failover defines and tracks it anew. */
  if (vm->machine && !ts_lab_machine_destroy (vm->machine, error))
    return FALSE;
  g_clear_pointer (&vm->tracker, ts_lab_tracker_free);
  g_clear_pointer (&vm->machine, ts_lab_machine_free);
  return delete_overlays (vm, &as_copy, error);
}

gboolean
ts_lab_vm_start_test (TsLabVm *vm, guint32 which, TsLabUndo *undo, const TsUndo *way,
                      GError **error)
{
  if (!delete_overlays (vm, &as_test, error)) /* of an earlier life of this host */
    return FALSE;
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *base = ts_lab_vm_data_path (vm, i);
    g_autofree char *path = test_path (vm, i);
    gboolean has = (which >> i & 1) != 0;
    if (!has) { /* what stands in its place may be a disk that is being included */
      if (!ts_lab_disk_create_blank (path, vm->config->disk[i].size_bytes, error))
        return FALSE;
      continue;
    }
    if (!ts_lab_disk_create_overlay (path, base, error) ||
        !ts_lab_undo_play (undo, way, i, path, error))
      return FALSE;
  }
  return define_and_start (vm, &as_test, &vm->test, error);
}

gboolean
ts_lab_vm_stop_test (TsLabVm *vm, GError **error)
{
  if (vm->test && !ts_lab_machine_destroy (vm->test, error))
    return FALSE;
  g_clear_pointer (&vm->test, ts_lab_machine_free);
  g_autofree char *nvram =
      ts_lab_path_nvram (&vm->host->layout, vm->host->config->name, vm->config->name, TRUE);
  (void)g_unlink (nvram);
  return delete_overlays (vm, &as_test, error);
}

gboolean
ts_lab_vm_start_home (TsLabVm *vm, GError **error)
{
  return make_disks (vm, G_MAXUINT, error) && define_and_start (vm, &at_home, &vm->machine, error);
}

gboolean
ts_lab_vm_define_home (TsLabVm *vm, GError **error)
{
  return define (vm, &at_home, &vm->machine, error);
}

gboolean
ts_lab_vm_attach (TsLabVm *vm, guint disk, GError **error)
{
  g_autofree char *path = ts_lab_vm_wrap_path (vm, disk);
  if (!vm->machine || !ts_lab_machine_running (vm->machine))
    return ts_throw (error, TS_ERROR_STATE, "the virtual machine does not run");
  if (ts_lab_vm_has_disk (vm, disk))
    return ts_throw (error, TS_ERROR_STATE, "it is attached");
  return make_disks (vm, disk, error) &&
         ts_lab_machine_attach (vm->machine, vm->config->disk[disk].name, path, error);
}

typedef struct {
  TsLabVm *vm;
  GError *error;
} Boot;

static void
boot (gpointer data)
{
  Boot *booted = data;
  ts_lab_vm_start_home (booted->vm, &booted->error);
}

/* Whose file it was, and that it is ours no more than before. */
static void
report_image (TsLabVm *vm)
{
  TsRecord *record = ts_lab_host_record (vm->host, vm, "image");
  ts_record_text (record, "file", vm->config->image);
  ts_record_text (record, "work", "on a copy: the file is not written");
  ts_lab_host_report (vm->host, ts_record_text (record, "ledger", "none: no agent of ours in it"));
}

static void
boot_done (gpointer data)
{
  Boot *booted = data;
  if (!booted->error) {
    if (*booted->vm->config->image)
      report_image (booted->vm);
    ts_lab_vm_is_on (booted->vm, "boot");
    return;
  }
  TsLabHost *host = booted->vm->host;
  TsRecord *record = ts_lab_host_record (host, booted->vm, "failure");
  ts_record_text (record, "action", "power-on");
  ts_lab_host_report (host, ts_record_text (record, "reason", booted->error->message));
}

static void
boot_drop (gpointer data)
{
  Boot *booted = data;
  g_clear_error (&booted->error);
  g_free (booted);
}

void
ts_lab_vm_boot (TsLabVm *vm)
{
  Boot *booted = g_new0 (Boot, 1);
  booted->vm = vm;
  ts_lab_watch_source (vm);
  ts_lab_watch_forget_off (vm);
  ts_lab_worker_push (vm->worker, boot, boot_done, boot_drop, booted);
}

/* --- coming and going ------------------------------------------------------------------------- */

TsLabVm *
ts_lab_vm_new (TsLabHost *host, guint index)
{
  TsLabVm *vm = g_new0 (TsLabVm, 1);
  vm->host = host;
  vm->index = index;
  vm->config = host->config->vms->pdata[index];
  vm->worker = ts_lab_worker_new ("machine");
  vm->agent = ts_lab_worker_new ("agent");
  vm->watch = ts_lab_timer_new (&host->clock, watch, vm);
  vm->shut_down_by_us = TS_NEVER;
  vm->move = ts_lab_move_new (vm);
  ts_lab_watch_recall_off (vm);
  for (guint i = 0; i < vm->config->disks; i++) { /* of an earlier life of this host */
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    g_autoptr (GError) error = NULL;
    if (!ts_lab_disk_unwrap (data, &error))
      g_warning ("%s", error->message);
  }
  return vm;
}

void
ts_lab_vm_free (TsLabVm *vm)
{
  if (!vm)
    return;
  ts_lab_timer_free (vm->watch);
  g_free (vm->share[0]);
  g_free (vm->share[1]);
  ts_lab_worker_free (vm->agent);
  ts_lab_worker_free (vm->worker);
  ts_lab_move_free (vm->move);
  ts_lab_tracker_free (vm->tracker);
  ts_lab_machine_free (vm->test);
  ts_lab_machine_free (vm->machine);
  ts_lab_vm_forget_owner (vm);
  ts_lab_applied_free (vm->applied);
  g_free (vm);
}
