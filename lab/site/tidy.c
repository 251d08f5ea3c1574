/* lab/site/tidy.c -- see tidy.h.
 *
 * REGISTRY/PID-START-N.run is a key file:
 *   [run]        folder=...
 *   [processes]  what=PID START  (runner first)
 *   [remote]     host=URI;PREFIX;FOLDER  (of hosts that another libvirtd drives) */
#include "lab/site/tidy.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/machine/remote.h"
#include "lab/site/helper.h"
#include "lab/site/layout.h"

#define RUNNER_ENDS_US (15 * TS_S)
#define KILLED_US (10 * TS_S)

struct _TsLabRegistration {
  char *path, *sockets;
  GKeyFile *file;
};

/* --- processes -------------------------------------------------------------------------------- */

/* When the process started, in the kernel's ticks since boot (/proc/PID/stat, field 22); 0: there
 * is none. */
static guint64
start_time (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  /* The second field is a name in parentheses that may hold anything. */
  const char *at = strrchr (text, ')');
  for (guint field = 2; at && field < 22; field++) {
    at = strchr (at, ' ');
    if (at)
      at++;
  }
  return at ? g_ascii_strtoull (at, NULL, 10) : 0;
}

/* A handle of the process if it is still the one that was entered, else -1. */
static int
open_process (const char *entry)
{
  char *end = NULL;
  gint64 pid = g_ascii_strtoll (entry, &end, 10);
  guint64 started = g_ascii_strtoull (end, NULL, 10);
  if (pid <= 1 || pid > G_MAXINT32 || started == 0)
    return -1;
  int pidfd = pidfd_open ((pid_t)pid, 0);
  /* Asked after opening: the handle is of this process or of none. */
  if (pidfd >= 0 && start_time ((pid_t)pid) != started) {
    close (pidfd);
    pidfd = -1;
  }
  return pidfd;
}

/* TRUE when it has ended (or had before). */
static gboolean
end_process (const char *entry, int number, gint64 timeout_us)
{
  int pidfd = open_process (entry);
  if (pidfd < 0)
    return TRUE;
  (void)!pidfd_send_signal (pidfd, number, NULL, 0);
  gboolean ended = ts_lab_pidfd_wait (pidfd, timeout_us);
  close (pidfd);
  return ended;
}

static gboolean
is_alive (const char *entry)
{
  int pidfd = open_process (entry);
  if (pidfd < 0)
    return FALSE;
  gboolean ended = ts_lab_pidfd_wait (pidfd, 0); /* a zombie has */
  close (pidfd);
  return !ended;
}

/* --- the registry ----------------------------------------------------------------------------- */

/* Ours alone: what lies there is believed. */
static gboolean
is_private (const char *folder)
{
  struct stat info;
  return lstat (folder, &info) == 0 && S_ISDIR (info.st_mode) && info.st_uid == geteuid () &&
         (info.st_mode & 022) == 0;
}

static char *
registry (gboolean make, GError **error)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (g_free);
  if (geteuid () == 0)
    g_ptr_array_add (places, g_strdup ("/run/twinsite"));
  /* Sockets with names of up to 60 bytes are to fit below it. */
  if (runtime && g_path_is_absolute (runtime) && strlen (runtime) < 24)
    g_ptr_array_add (places, g_build_filename (runtime, "twinsite", NULL));
  g_ptr_array_add (places, g_strdup_printf ("/tmp/twinsite-%u", geteuid ()));
  for (guint i = 0; i < places->len; i++) {
    const char *place = places->pdata[i];
    if (make)
      (void)g_mkdir (place, 0700);
    if (is_private (place) && (!make || access (place, W_OK) == 0))
      return g_strdup (place);
  }
  ts_throw (error, TS_ERROR_UNAVAILABLE,
            "no place for the lab's sockets: %s cannot be made, or is "
            "another user's",
            (const char *)places->pdata[places->len - 1]);
  return NULL;
}

static gboolean
save (TsLabRegistration *registration, GError **error)
{
  g_autoptr (GError) reason = NULL;
  if (!g_key_file_save_to_file (registration->file, registration->path, &reason))
    return ts_throw (error, TS_ERROR_IO, "%s", reason->message);
  return TRUE;
}

gboolean
ts_lab_register_process (TsLabRegistration *registration, const char *what, pid_t pid,
                         GError **error)
{
  g_autofree char *entry = g_strdup_printf ("%d %" G_GUINT64_FORMAT, (int)pid, start_time (pid));
  g_key_file_set_string (registration->file, "processes", what, entry);
  return save (registration, error);
}

gboolean
ts_lab_register_remote (TsLabRegistration *registration, const char *host, const char *uri,
                        const char *prefix, const char *folder, GError **error)
{
  const char *const entry[] = {uri, prefix, folder};
  g_key_file_set_string_list (registration->file, "remote", host, entry, G_N_ELEMENTS (entry));
  return save (registration, error);
}

static gboolean
enter (TsLabRegistration *registration, const char *id, GError **error)
{
  g_autofree char *place = registry (TRUE, error);
  if (!place)
    return FALSE;
  g_free (registration->path);
  g_free (registration->sockets);
  registration->path = g_strdup_printf ("%s/%s.run", place, id);
  registration->sockets = g_build_filename (place, id, NULL);
  /* Entered before it is made, so that it is never there without an entry. */
  return ts_lab_register_process (registration, "runner", getpid (), error) &&
         (g_mkdir (registration->sockets, 0700) == 0 ||
          ts_throw_errno (error, "make %s", registration->sockets));
}

TsLabRegistration *
ts_lab_register (const char *run_folder, GError **error)
{
  static guint count;
  TsLabRegistration *registration = g_new0 (TsLabRegistration, 1);
  g_autofree char *id = g_strdup_printf ("%d-%" G_GUINT64_FORMAT "-%u", (int)getpid (),
                                         start_time (getpid ()), count++);
  registration->file = g_key_file_new ();
  g_key_file_set_string (registration->file, "run", "folder", run_folder);
  /* Another run may take the empty registry away under our hands. */
  for (guint tries = 0; tries < 5; tries++) {
    g_clear_error (error);
    if (enter (registration, id, error))
      return registration;
  }
  ts_lab_registration_free (registration);
  return NULL;
}

const char *
ts_lab_registration_sockets (const TsLabRegistration *registration)
{
  return registration->sockets;
}

void
ts_lab_registration_free (TsLabRegistration *registration)
{
  if (!registration)
    return;
  if (registration->path) {
    g_autoptr (GError) error = NULL;
    g_autofree char *place = g_path_get_dirname (registration->path);
    if (!ts_lab_remove_tree (registration->sockets, &error))
      g_warning ("%s", error->message);
    (void)g_unlink (registration->path);
    (void)g_rmdir (place); /* fails while another run is entered */
  }
  g_key_file_unref (registration->file);
  g_free (registration->path);
  g_free (registration->sockets);
  g_free (registration);
}

/* --- down and ps ------------------------------------------------------------------------------ */

typedef struct {
  char *path, *folder, *sockets;
  GKeyFile *file;
  char **processes; /* names */
} Entry;

static void
entry_clear (Entry *entry)
{
  g_free (entry->path);
  g_free (entry->folder);
  g_free (entry->sockets);
  g_strfreev (entry->processes);
  g_clear_pointer (&entry->file, g_key_file_unref);
}

static void
entry_read (const char *place, const char *name, Entry *entry)
{
  g_autofree char *id = g_strndup (name, strlen (name) - strlen (".run"));
  *entry = (Entry){.path = g_build_filename (place, name, NULL), .file = g_key_file_new ()};
  /* Not as the file says: nothing but what lies in the registry is ever removed. */
  entry->sockets = g_build_filename (place, id, NULL);
  if (g_key_file_load_from_file (entry->file, entry->path, G_KEY_FILE_NONE, NULL)) {
    entry->folder = g_key_file_get_string (entry->file, "run", "folder", NULL);
    entry->processes = g_key_file_get_keys (entry->file, "processes", NULL, NULL);
  }
  if (!entry->processes)
    entry->processes = g_new0 (char *, 1);
}

static char *
process_of (const Entry *entry, const char *what)
{
  char *text = g_key_file_get_string (entry->file, "processes", what, NULL);
  return text ? text : g_strdup ("0 0");
}

static GPtrArray *
entries (const char *place)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) folder = g_dir_open (place, 0, NULL);
  for (const char *name; folder && (name = g_dir_read_name (folder));)
    if (g_str_has_suffix (name, ".run"))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, (GCompareFunc)(void (*) (void))g_strcmp0);
  return names;
}

/* What no process of the run held: machines elsewhere, and their files.  Only what bears the run's id is
 * touched, whatever the entry says. */
static gboolean
down_remote (const Entry *entry, FILE *report)
{
  g_auto (GStrv) hosts = g_key_file_get_keys (entry->file, "remote", NULL, NULL);
  g_autofree char *id = g_path_get_basename (entry->sockets);
  g_autofree char *folder_name = g_strconcat ("twinsite-", id, NULL);
  gboolean ok = TRUE;
  for (guint i = 0; hosts && hosts[i]; i++) {
    gsize count = 0;
    g_auto (GStrv) part =
        g_key_file_get_string_list (entry->file, "remote", hosts[i], &count, NULL);
    g_autofree char *prefix = ts_lab_remote_prefix (id, hosts[i]);
    g_autofree char *name = count == 3 ? g_path_get_basename (part[2]) : NULL;
    g_autoptr (GError) error = NULL;
    guint stopped = 0;
    if (count != 3 || !g_str_equal (part[1], prefix) || !g_str_equal (name, folder_name))
      continue;
    /* Their files stay as long as they may be in use. */
    gboolean fine = ts_lab_remote_sweep (part[0], prefix, TRUE, &stopped, &error) &&
                    ts_lab_remove_tree (part[2], &error);
    if (!fine && report)
      fprintf (report, "host %s: %s\n", hosts[i], error->message);
    else if (report && stopped > 0)
      fprintf (report, "host %s: stopped %u machines at %s\n", hosts[i], stopped, part[0]);
    ok &= fine;
  }
  return ok;
}

static gboolean
down_one (const Entry *entry, gboolean all, FILE *report)
{
  g_autofree char *runner = process_of (entry, "runner");
  gboolean alive = is_alive (runner);
  guint killed = 0;
  if (alive && (!all || strtol (runner, NULL, 10) == getpid ()))
    return TRUE;
  if (alive) {
    if (report)
      fprintf (report, "ending the run in %s\n", entry->folder ? entry->folder : "?");
    if (!end_process (runner, SIGTERM, RUNNER_ENDS_US))
      end_process (runner, SIGKILL, KILLED_US);
  }
  for (guint i = 0; entry->processes[i]; i++) {
    g_autofree char *process = process_of (entry, entry->processes[i]);
    if (!is_alive (process))
      continue;
    killed++;
    if (!end_process (process, SIGKILL, KILLED_US) && report)
      fprintf (report, "%s (process %s) does not end, though killed\n", entry->processes[i],
               process);
  }
  if (!down_remote (entry, report))
    return FALSE; /* it stays entered, so that it can be tried again */
  g_autoptr (GError) error = NULL;
  if (!ts_lab_remove_tree (entry->sockets, &error)) {
    if (report)
      fprintf (report, "%s\n", error->message);
    return FALSE;
  }
  (void)g_unlink (entry->path);
  if (report)
    fprintf (report, "removed what was left of the run in %s (%u processes)\n",
             entry->folder ? entry->folder : "?", killed);
  return TRUE;
}

gboolean
ts_lab_tidy_down (gboolean all, FILE *report)
{
  g_autofree char *place = registry (FALSE, NULL);
  gboolean ok = TRUE;
  if (!place)
    return TRUE; /* nothing was ever started */
  g_autoptr (GPtrArray) names = entries (place);
  for (guint i = 0; i < names->len; i++) {
    Entry entry;
    entry_read (place, names->pdata[i], &entry);
    ok &= down_one (&entry, all, report);
    entry_clear (&entry);
  }
  if (ok)
    (void)g_rmdir (place); /* fails while a run is entered */
  return ok;
}

char **
ts_lab_tidy_running (void)
{
  g_autofree char *place = registry (FALSE, NULL);
  g_autoptr (GPtrArray) names = place ? entries (place) : NULL;
  g_autoptr (GPtrArray) folders = g_ptr_array_new ();
  for (guint i = 0; names && i < names->len; i++) {
    Entry entry;
    entry_read (place, names->pdata[i], &entry);
    g_autofree char *runner = process_of (&entry, "runner");
    if (entry.folder && is_alive (runner))
      g_ptr_array_add (folders, g_strdup (entry.folder));
    entry_clear (&entry);
  }
  g_ptr_array_add (folders, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&folders), FALSE);
}

void
ts_lab_tidy_ps (FILE *out)
{
  g_autofree char *place = registry (FALSE, NULL);
  g_autoptr (GPtrArray) names = place ? entries (place) : NULL;
  for (guint i = 0; names && i < names->len; i++) {
    Entry entry;
    entry_read (place, names->pdata[i], &entry);
    g_autofree char *runner = process_of (&entry, "runner");
    *strchrnul (runner, ' ') = '\0';
    g_autofree char *whole = process_of (&entry, "runner");
    fprintf (out, "%-8s %-6s %s\n", runner, is_alive (whole) ? "runs" : "dead",
             entry.folder ? entry.folder : "?");
    for (guint p = 0; entry.processes[p]; p++) {
      g_autofree char *process = process_of (&entry, entry.processes[p]);
      if (g_str_equal (entry.processes[p], "runner"))
        continue;
      gboolean alive = is_alive (process);
      *strchrnul (process, ' ') = '\0';
      fprintf (out, "  %-6s %-6s %s\n", process, alive ? "runs" : "dead", entry.processes[p]);
    }
    entry_clear (&entry);
  }
}
