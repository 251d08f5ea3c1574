/* lab/host/reboot.c -- a host that is shut down gracefully, its machines first, and what of it goes on
 * when it is started again (HVR reference 2.6, trap 13).
 *
 * Unlike one that is killed it closes what it tracks: QEMU has left its bitmaps in the images when the
 * guests powered off, and the name of the one that the next cut begins at is kept here.  It is good for
 * one start: taken away before it is used, so that a host which dies later is resynchronized. */
#include "lab/host/host-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define GOODBYE_MS 300 /* for what was said last to reach the peers */

static char *
tracked_path (const TsLabVm *vm)
{
  return ts_lab_path_state (&vm->host->layout, vm->host->config->name, vm->config->name, "tracked");
}

/* --- shutting down ---------------------------------------------------------------------------- */

static gboolean
leave (gpointer user)
{
  TsLabHost *host = user;
  g_main_loop_quit (host->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
was_on (GVariant *machines, const char *vm)
{
  GVariantIter iter;
  const char *name;
  g_variant_iter_init (&iter, machines);
  while (g_variant_iter_next (&iter, "&s", &name))
    if (g_str_equal (name, vm))
      return TRUE;
  return FALSE;
}

void
ts_lab_host_shut_down (TsLabHost *host, GVariant *machines)
{
  for (guint i = 0; i < host->relations->len; i++) {
    TsLabRelation *relation = host->relations->pdata[i];
    TsEvent event = {.now_us = ts_lab_host_now_us (host),
                     .kind = TS_EVENT_STOP,
                     .stop = {was_on (machines, relation->vm->config->name)}};
    ts_lab_relation_step (relation, &event);
    ts_lab_source_measure_end (relation);
    ts_lab_timer_set (relation->timer, TS_NEVER);
  }
  host->leaving = TRUE;
  g_timeout_add (GOODBYE_MS, leave, host);
}

void
ts_lab_tracking_keep (TsLabVm *vm)
{
  const char *base = vm->tracker ? ts_lab_tracker_base (vm->tracker) : NULL;
  g_autofree char *path = tracked_path (vm);
  g_autoptr (GError) error = NULL;
  if (!base)
    return;
  g_autoptr (GBytes) bytes = g_bytes_new (base, strlen (base));
  if (!ts_lab_state_save (path, bytes, &error))
    g_printerr ("twinsite host: %s\n", error->message); /* it is resynchronized */
}

/* --- and starting again ----------------------------------------------------------------------- */

gboolean
ts_lab_tracking_resume (TsLabVm *vm, GError **error)
{
  g_autofree char *path = tracked_path (vm);
  g_autoptr (GBytes) bytes = ts_lab_state_load (path, error);
  if (!bytes)
    return error == NULL || *error == NULL;
  gsize len = 0;
  const char *text = g_bytes_get_data (bytes, &len);
  g_autofree char *base = g_strndup (text, len);
  if (g_unlink (path) < 0 && errno != ENOENT)
    return ts_throw_errno (error, "delete %s", path);
  ts_lab_watch_source (vm); /* was a disk changed while the host was down? */
  if (!ts_lab_vm_define_home (vm, error) || !ts_lab_vm_make_tracker (vm, error) ||
      !ts_lab_tracker_resume (vm->tracker, base, error))
    return FALSE;
  ts_lab_watch_off (vm);
  return TRUE;
}
