/* lab/world/fault-host.c -- what fate does to one host: it is killed with its machines, its log store is
 * full, a log on it is damaged.  Twin of sim/fault.c.
 *
 * Killing a process is less than a host that loses power: its kernel lives on and tells peers that their
 * connections are gone.  A site that loses power says nothing (world-fault.c). */
#include "lab/world/world-internal.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/format/hrl.h"
#include "lab/host/spool.h"

#define GONE_US (10 * TS_S) /* for what was killed to be gone */

/* --- the host and its machines ---------------------------------------------------------------- */

static gboolean
alive (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  const char *behind = strrchr (text, ')'); /* "PID (NAME) STATE ..." */
  return behind && behind[1] == ' ' && behind[2] != 'Z';
}

/* QEMU's processes are nobody's children; what of the host's they name is the folder of its libvirt. */
static GArray *
machines_of (TsWorld *world, guint host)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (pid_t));
  g_autofree char *root = ts_lab_path_hypervisor (&world->layout, host);
  g_autofree char *mark = g_strconcat (root, "/", NULL);
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;
  while (proc && (name = g_dir_read_name (proc))) {
    g_autofree char *path = g_build_filename ("/proc", name, "cmdline", NULL);
    g_autofree char *line = NULL;
    gsize len = 0;
    if (!g_ascii_isdigit (*name) || !g_file_get_contents (path, &line, &len, NULL) || len == 0 ||
        !strstr (line, "qemu-system"))
      continue;
    for (gsize i = 0; i < len; i++)
      if (line[i] == '\0')
        line[i] = ' ';
    pid_t pid = (pid_t)g_ascii_strtoll (name, NULL, 10);
    if (g_strstr_len (line, (gssize)len, mark))
      g_array_append_val (pids, pid);
  }
  return pids;
}

static gboolean
crash (TsWorld *world, TsLabSeat *seat, const TsOrder *order, GError **error)
{
  if (seat->dead || seat->pid == 0)
    return ts_throw (error, TS_ERROR_STATE, "the host does not run");
  gint64 begun_us = ts_lab_world_now_us (world);
  seat->dead = TRUE;
  g_autoptr (GArray) pids = machines_of (world, seat->index);
  g_array_prepend_val (pids, seat->pid);
  for (guint i = 0; i < pids->len; i++)
    kill (g_array_index (pids, pid_t, i), SIGKILL);
  guint gone = 0;
  for (guint i = 0; i < pids->len; i++) {
    pid_t pid = g_array_index (pids, pid_t, i);
    while (alive (pid) && ts_lab_world_now_us (world) < begun_us + GONE_US)
      g_usleep (1000);
    gone += !alive (pid);
  }
  gint64 dead_us = ts_lab_world_now_us (world);
  seat->pid = 0;
  TsRecord *fault = ts_record_new (begun_us, "lab", "fault");
  ts_record_text (fault, "id", order->step);
  ts_record_text (fault, "fault", "host_crash");
  ts_record_text (fault, "target", seat->spec->name);
  ts_lab_world_report (world, ts_record_text (fault, "mode", "power"));
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (guest->host == seat->index && ts_lab_guest_on (guest))
      ts_lab_guest_lost_power (guest, dead_us);
  }
  ts_lab_tell_evidence (world, order->step, "host_crash", seat->spec->name, "processes killed", gone);
  ts_lab_operations_host_lost (world, seat->spec->name);
  return TRUE;
}

static gboolean
up (TsWorld *world, TsLabSeat *seat, const TsOrder *order, GError **error)
{
  if (!seat->dead)
    return TRUE;
  ts_lab_tell_fault (world, order->step, "host_crash", seat->spec->name, "up");
  guint index = seat->index;
  TsLabSeat *fresh = ts_lab_world_start_host (world, index, error);
  if (!fresh)
    return FALSE;
  ts_lab_seat_free (seat);
  world->seats->pdata[index] = fresh;
  return ts_lab_world_wait_hosts (world, error);
}

/* --- a graceful reboot ------------------------------------------------------------------------ */

#define GUESTS_OFF_US (90 * TS_S) /* a guest that does not stop is told after a minute (vm.c) */
#define HOST_ENDS_US (30 * TS_S)
#define REBOOT_US (3 * TS_S) /* CHOICE: as long as its peers need to see that it is gone; a real one takes longer */

static TsLabSeat *
leaving_seat (TsWorld *world)
{
  for (guint i = 0; i < world->seats->len; i++)
    if (((TsLabSeat *)world->seats->pdata[i])->leaving)
      return world->seats->pdata[i];
  return NULL;
}

static guint
machines_on (TsWorld *world, guint host)
{
  guint on = 0;
  for (guint i = 0; i < world->guests->len; i++) {
    const TsLabGuest *guest = world->guests->pdata[i];
    on += guest->host == host && ts_lab_guest_on (guest);
  }
  return on;
}

static gboolean
machines_off (TsWorld *world)
{
  return machines_on (world, leaving_seat (world)->index) == 0;
}

static gboolean
host_gone (TsWorld *world)
{
  return !leaving_seat (world)->control;
}

static gboolean
never (TsWorld *world)
{
  return FALSE;
}

/* Its guests are told to power off; those that were its VMs' own, at home, start again with it. */
static gboolean
shut_machines_down (TsWorld *world, TsLabSeat *seat, GVariantBuilder *own, GError **error)
{
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    const char *vm = ts_topology_vm (world->topology, guest->vm)->name;
    if (guest->host != seat->index || !ts_lab_guest_on (guest))
      continue;
    if (!guest->is_copy && !guest->is_test)
      g_variant_builder_add (own, "s", vm);
    if (guest->is_test)
      return ts_throw (error, TS_ERROR_STATE, "a test failover runs on it: stop that first");
    if (!ts_lab_seat_order (seat, "shut-down", g_variant_new ("(s)", vm), error))
      return FALSE;
    if (guest->channel) {
      ts_lab_guest_stop_work (guest);
      ts_guest_channel_say (guest->channel, "Q");
    }
  }
  return ts_lab_world_wait (world, machines_off, GUESTS_OFF_US, "shutting its machines down", error);
}

static gboolean
reboot (TsWorld *world, TsLabSeat *seat, const TsOrder *order, GError **error)
{
  const char *name = seat->spec->name;
  guint index = seat->index;
  if (seat->dead || seat->pid == 0)
    return ts_throw (error, TS_ERROR_STATE, "the host does not run");
  GVariantBuilder own;
  g_variant_builder_init (&own, G_VARIANT_TYPE_STRING_ARRAY);
  guint count = machines_on (world, index);
  ts_lab_tell_fault (world, order->step, "host_reboot", name, "reboot");
  seat->leaving = TRUE;
  gboolean fine = shut_machines_down (world, seat, &own, error);
  g_autoptr (GVariant) machines = g_variant_ref_sink (g_variant_builder_end (&own));
  fine = fine && ts_lab_seat_order (seat, "stop", machines, error) &&
         ts_lab_world_wait (world, host_gone, HOST_ENDS_US, "shutting the host down", error);
  if (!fine) {
    seat->leaving = FALSE;
    return FALSE;
  }
  ts_lab_tell_evidence (world, order->step, "host_reboot", name, "hosts and machines shut down", count + 1);
  ts_lab_operations_host_lost (world, name);
  ts_lab_world_wait (world, never, REBOOT_US, "a reboot", NULL);
  TsLabSeat *fresh = ts_lab_world_start_host (world, index, error);
  if (!fresh)
    return FALSE;
  ts_lab_seat_free (seat);
  world->seats->pdata[index] = fresh;
  if (!ts_lab_world_wait_hosts (world, error))
    return FALSE;
  ts_lab_tell_fault (world, order->step, "host_reboot", name, "up");
  return TRUE;
}

/* --- its log store ---------------------------------------------------------------------------- */

/* As the host sees it: a small store is mounted for it alone. */
static char *
store_path (TsWorld *world, const TsLabSeat *seat, const char *name)
{
  g_autofree char *path = ts_lab_path_host (&world->layout, seat->spec->name, "spool");
  g_autofree char *root =
      seat->spec->log_store_bytes ? g_strdup_printf ("/proc/%d/root", (int)seat->pid) : g_strdup ("");
  return g_strconcat (root, path, name ? "/" : "", name, NULL);
}

/* Takes all that is free, as somebody else's files would. */
static gboolean
fill (TsWorld *world, const TsLabSeat *seat, guint64 *bytes, GError **error)
{
  g_autofree char *path = store_path (world, seat, "ballast");
  static const guint8 zeros[64 * 1024];
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return ts_throw_errno (error, "open %s", path);
  for (gsize part = sizeof zeros; part > 0;) {
    gssize n = write (fd, zeros, part);
    if (n > 0)
      *bytes += (guint64)n;
    else if (n < 0 && errno == EINTR)
      continue;
    else
      part /= 2; /* the last bytes, too */
  }
  close (fd);
  if (*bytes == 0)
    return ts_throw (error, TS_ERROR_STATE, "there was no room before");
  return TRUE;
}

static gboolean
full (TsWorld *world, const TsLabSeat *seat, const TsOrder *order, GError **error)
{
  guint64 bytes = 0;
  if (seat->dead || seat->pid == 0)
    return ts_throw (error, TS_ERROR_STATE, "the host does not run");
  ts_lab_tell_fault (world, order->step, "disk_full", seat->spec->name,
                     order->verb == TS_DO_DISK_FULL ? "full" : "up");
  if (order->verb == TS_DO_DISK_FREE) {
    g_autofree char *path = store_path (world, seat, "ballast");
    return g_unlink (path) == 0 || ts_throw_errno (error, "remove %s", path);
  }
  if (!fill (world, seat, &bytes, error))
    return FALSE;
  ts_lab_tell_evidence (world, order->step, "disk_full", seat->spec->name, "bytes taken", bytes);
  return TRUE;
}

/* --- a log ------------------------------------------------------------------------------------ */

/* Of a log that is closed. */
static gboolean
is_whole (const char *path)
{
  TsHrlGlance glance;
  g_autoptr (GBytes) header = ts_lab_file_read (path, 0, TS_HRL_HEADER_BYTES, NULL);
  return header && ts_hrl_glance (g_bytes_get_data (header, NULL), TS_HRL_HEADER_BYTES, &glance, NULL) &&
         glance.eol_bytes > 0;
}

/* The newest one that is whole there: their names are in order (spool.h). */
static char *
newest_log (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *best = NULL;
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (g_str_has_suffix (name, "disk-00.hrl") && g_strcmp0 (name, best) > 0 && is_whole (path)) {
      g_free (best);
      best = g_strdup (name);
    }
  }
  return best ? g_build_filename (folder, best, NULL) : NULL;
}

static gboolean
flip (const char *path, GError **error)
{
  guint8 byte;
  int fd = open (path, O_RDWR | O_CLOEXEC);
  off_t at = fd < 0 ? 0 : lseek (fd, 0, SEEK_END) / 2;
  gboolean fine = fd >= 0 && pread (fd, &byte, 1, at) == 1;
  byte = fine ? byte ^ 0xff : 0;
  fine = fine && pwrite (fd, &byte, 1, at) == 1;
  if (!fine)
    ts_throw_errno (error, "change %s", path);
  if (fd >= 0)
    close (fd);
  return fine;
}

/* Valid as ever, but of a chain that nobody has: it says that it follows itself. */
static gboolean
follow_another (const char *path, GError **error)
{
  TsHrlGlance glance;
  g_autoptr (GBytes) read = ts_lab_file_read (path, 0, TS_HRL_HEADER_BYTES, error);
  if (!read)
    return FALSE;
  guint8 header[TS_HRL_HEADER_BYTES];
  memcpy (header, g_bytes_get_data (read, NULL), sizeof header);
  if (!ts_hrl_glance (header, sizeof header, &glance, error) ||
      !ts_hrl_follow_another (header, sizeof header, &glance.info.unique, error))
    return FALSE;
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean fine = fd >= 0 && pwrite (fd, header, sizeof header, 0) == (gssize)sizeof header;
  if (!fine)
    ts_throw_errno (error, "change %s", path);
  if (fd >= 0)
    close (fd);
  return fine;
}

static gboolean
corrupt (TsWorld *world, const TsLabSeat *seat, const TsOrder *order, GError **error)
{
  const char *vm = ts_topology_vm (world->topology, (guint)order->vm)->name;
  gboolean order_only = order->log_fault == TS_LOG_ORDER;
  g_autofree char *folder = store_path (world, seat, vm);
  g_autofree char *path = newest_log (folder);
  if (order_only && world->seats->pdata[world->vms[order->vm].primary] != seat)
    return ts_throw (error, TS_ERROR_STATE, "no log of it waits on this host to be sent");
  if (!path)
    return ts_throw (error, TS_ERROR_STATE, "no log of it waits on this host");
  ts_lab_tell_fault (world, order->step, "corrupt_log", vm, seat->spec->name);
  if (!(order_only ? follow_another (path, error) : flip (path, error)))
    return FALSE;
  ts_lab_tell_evidence (world, order->step, "corrupt_log", vm,
                        order_only ? "logs out of sequence" : "bytes changed", 1);
  return TRUE;
}

gboolean
ts_lab_fault_host (TsWorld *world, const TsOrder *order, GError **error)
{
  TsLabSeat *seat = world->seats->pdata[order->host];
  switch ((int)order->verb) {
  case TS_DO_HOST_CRASH:
    return crash (world, seat, order, error);
  case TS_DO_HOST_UP:
    return up (world, seat, order, error);
  case TS_DO_HOST_REBOOT:
    return reboot (world, seat, order, error);
  case TS_DO_DISK_FULL:
  case TS_DO_DISK_FREE:
    return full (world, seat, order, error);
  case TS_DO_CORRUPT_LOG:
    return corrupt (world, seat, order, error);
  default: /* refused before (world-build.c) */
    return ts_throw (error, TS_ERROR_UNAVAILABLE, "not in the lab");
  }
}
