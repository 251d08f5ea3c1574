/* lab/vault/alert.c -- see alert.h. */
#include "lab/vault/alert.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>
#include "lab/vault/json.h"

typedef struct {
  TsLabAlerts *alerts; /* NULL: they are gone */
  GSubprocess *process;
  guint limit; /* source */
} Run;

struct _TsLabAlerts {
  char *file, *command;
  GPtrArray *runs; /* Run */
};

static void
ended (GObject *source, GAsyncResult *result, gpointer user)
{
  Run *run = user;
  g_autoptr (GError) error = NULL;
  if (!g_subprocess_communicate_utf8_finish (run->process, result, NULL, NULL, &error))
    g_printerr ("twinsite vault: the alert command: %s\n", error->message);
  else if (run->alerts && !g_subprocess_get_successful (run->process))
    g_printerr ("twinsite vault: the alert command has failed\n");
  if (run->limit)
    g_source_remove (run->limit);
  if (run->alerts)
    g_ptr_array_remove_fast (run->alerts->runs, run);
  g_object_unref (run->process);
  g_free (run);
}

static gboolean
too_long (gpointer user)
{
  Run *run = user;
  run->limit = 0;
  g_subprocess_force_exit (run->process);
  return G_SOURCE_REMOVE;
}

static void
run_command (TsLabAlerts *alerts, const char *text)
{
  g_autoptr (GError) error = NULL;
  if (alerts->runs->len >= TS_LAB_ALERTS_MAX) {
    g_printerr ("twinsite vault: too many alert commands run, this one does not: %s\n", text);
    return;
  }
  const char *const argv[] = {"/bin/sh", "-c", alerts->command, NULL};
  GSubprocess *process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDIN_PIPE, &error);
  if (!process) {
    g_printerr ("twinsite vault: the alert command: %s\n", error->message);
    return;
  }
  Run *run = g_new0 (Run, 1);
  run->alerts = alerts;
  run->process = process;
  run->limit = g_timeout_add_seconds (TS_LAB_ALERT_LIMIT_S, too_long, run);
  g_ptr_array_add (alerts->runs, run);
  g_subprocess_communicate_utf8_async (process, text, NULL, ended, run);
}

static void
append (TsLabAlerts *alerts, const char *text)
{
  int fd = open (alerts->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  gsize len = strlen (text);
  if (fd < 0 || write (fd, text, len) != (gssize)len) /* one write: a line is whole or not there */
    g_printerr ("twinsite vault: %s: %s\n", alerts->file, g_strerror (errno));
  if (fd >= 0)
    close (fd);
}

void
ts_lab_alerts_raise (TsLabAlerts *alerts, guint64 number, GVariant *alert)
{
  GVariantDict all;
  g_variant_dict_init (&all, alert);
  g_variant_dict_insert (&all, "number", "x", (gint64)number);
  g_autoptr (GVariant) whole = g_variant_ref_sink (g_variant_dict_end (&all));
  g_autofree char *json = ts_json_format (whole, FALSE);
  g_autofree char *line = g_strconcat (g_strchomp (json), "\n", NULL);
  if (alerts->file)
    append (alerts, line);
  if (alerts->command)
    run_command (alerts, line);
}

TsLabAlerts *
ts_lab_alerts_new (const char *file, const char *command)
{
  TsLabAlerts *alerts = g_new0 (TsLabAlerts, 1);
  alerts->file = g_strdup (file);
  alerts->command = g_strdup (command);
  alerts->runs = g_ptr_array_new ();
  return alerts;
}

void
ts_lab_alerts_free (TsLabAlerts *alerts)
{
  if (!alerts)
    return;
  for (guint i = 0; i < alerts->runs->len; i++) {
    Run *run = alerts->runs->pdata[i];
    run->alerts = NULL; /* it frees itself, if it comes to that */
    g_subprocess_force_exit (run->process);
  }
  g_ptr_array_unref (alerts->runs);
  g_free (alerts->file);
  g_free (alerts->command);
  g_free (alerts);
}
