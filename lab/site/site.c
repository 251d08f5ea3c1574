/* lab/site/site.c -- the runner's side of a site; the site itself is site-init.c. */
#include "lab/site/site.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/helper.h"

#define START_US (20 * TS_S) /* it takes 10 ms; a machine full of guests may be slow */
#define RUN_US (20 * TS_S)
#define POWER_OFF_US (10 * TS_S)

struct _TsLabSite {
  char *name;
  TsLabHelper helper; /* the outer process */
  pid_t pid;          /* the first process of the site */
  int pidfd;
};

static TsLabSite *
start (const char *name, const char *log_path, GError **error)
{
  g_autoptr (TsLabSite) site = g_new0 (TsLabSite, 1);
  gint32 pid = 0;

  site->name = g_strdup (name);
  site->helper = (TsLabHelper)TS_LAB_HELPER_NONE;
  site->pidfd = -1;
  if (!ts_lab_helper_start (&site->helper, "site-init", name, log_path, error))
    return NULL;
  if (ts_lab_helper_call (&site->helper, NULL, 0, &pid, sizeof pid, START_US, error) < 0)
    return NULL;
  site->pid = pid;
  site->pidfd = pidfd_open (pid, 0);
  if (site->pidfd < 0) {
    ts_throw_errno (error, "watch process %d", (int)pid);
    return NULL;
  }
  if (ts_lab_helper_call (&site->helper, NULL, 0, NULL, 0, START_US, error) < 0)
    return NULL;
  return g_steal_pointer (&site);
}

char *
ts_lab_site_refusal (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabSite) site = start ("probe", NULL, &error);
  return site != NULL ? NULL : g_strdup_printf ("no site can be made here: %s", error->message);
}

TsLabSite *
ts_lab_site_start (const char *name, const char *folder, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autofree char *log_path = g_build_filename (folder, "site.log", NULL);
  TsLabSite *site = start (name, log_path, error);
  if (site == NULL)
    g_prefix_error (error, "site %s: ", name);
  return site;
}

pid_t
ts_lab_site_pid (const TsLabSite *site)
{
  return site->pid;
}

gboolean
ts_lab_site_run (TsLabSite *site, const char *const *argv, const char *log_path, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (argv != NULL && argv[0] != NULL && log_path != NULL, FALSE);
  g_autoptr (GByteArray) request = g_byte_array_new ();

  g_byte_array_append (request, (const guint8 *)log_path, (guint)strlen (log_path) + 1);
  for (guint i = 0; argv[i] != NULL; i++)
    g_byte_array_append (request, (const guint8 *)argv[i], (guint)strlen (argv[i]) + 1);
  if (request->len > 64 * 1024)
    return ts_throw (error, TS_ERROR_ARGUMENT, "site %s: a command of %u bytes", site->name,
                     request->len);
  if (ts_lab_helper_call (&site->helper, request->data, request->len, NULL, 0, RUN_US, error) < 0) {
    g_prefix_error (error, "site %s: ", site->name);
    return FALSE;
  }
  return TRUE;
}

/* How many processes are in the process namespace of pid, as far as we may look. */
static guint
count_processes (pid_t pid)
{
  char path[64], wanted[64], found[64];
  guint count = 0;

  g_snprintf (path, sizeof path, "/proc/%d/ns/pid", (int)pid);
  gssize wanted_bytes = readlink (path, wanted, sizeof wanted);
  DIR *processes = wanted_bytes > 0 ? opendir ("/proc") : NULL;
  if (processes == NULL)
    return 0;
  for (struct dirent *entry; (entry = readdir (processes)) != NULL;) {
    if (!g_ascii_isdigit (entry->d_name[0]))
      continue;
    g_snprintf (path, sizeof path, "/proc/%.20s/ns/pid", entry->d_name);
    gssize found_bytes = readlink (path, found, sizeof found);
    if (found_bytes == wanted_bytes && memcmp (found, wanted, (gsize)wanted_bytes) == 0)
      count++;
  }
  closedir (processes);
  return count;
}

guint
ts_lab_site_power_off (TsLabSite *site)
{
  if (site->pid == 0)
    return 0;
  guint count = 0;
  if (site->pidfd >= 0) {
    count = count_processes (site->pid);
    /* Fails only when it is dead already. */
    (void)!pidfd_send_signal (site->pidfd, SIGKILL, NULL, 0);
    if (!ts_lab_pidfd_wait (site->pidfd, POWER_OFF_US))
      g_warning ("site %s: process %d does not end, though killed", site->name, (int)site->pid);
    close (site->pidfd);
    site->pidfd = -1;
  }
  site->pid = 0;
  ts_lab_helper_stop (&site->helper, TS_S);
  return count;
}

void
ts_lab_site_free (TsLabSite *site)
{
  if (site == NULL)
    return;
  ts_lab_site_power_off (site);
  ts_lab_helper_stop (&site->helper, TS_S); /* when it never got as far as a pid */
  g_free (site->name);
  g_free (site);
}
