/* lab/machine/overlay.c -- see overlay.h. */
#include "lab/machine/overlay.h"
#include <libnbd.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"

#define STALL_US (30 * TS_S)
#define POLL_US 2000
#define PIECE TS_MIB
#define EXPORT "disk"

typedef struct {
  TsDisk disk;
  struct nbd_handle *nbd;
  TsLabChild daemon;
  char *socket, *pidfile;
} Overlay;

static gboolean
throw_nbd (GError **error, const char *what)
{
  return ts_throw (error, TS_ERROR_LOST, "%s: %s", what, nbd_get_error ());
}

/* Serves the connection until the command is done. */
static gboolean
finish (Overlay *overlay, gint64 cookie, const char *what, GError **error)
{
  if (cookie < 0)
    return throw_nbd (error, what);
  gint64 end_us = g_get_monotonic_time () + STALL_US;
  for (;;) {
    int done = nbd_aio_command_completed (overlay->nbd, (guint64)cookie);
    if (done > 0)
      return TRUE;
    if (done < 0)
      return throw_nbd (error, what);
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "%s: no answer within 30 s", what);
    if (nbd_poll (overlay->nbd, 1000) < 0)
      return throw_nbd (error, what);
  }
}

static gboolean
overlay_read (TsDisk *disk, guint64 offset_bytes, void *data, gsize len_bytes, GError **error)
{
  Overlay *overlay = (Overlay *)disk;
  for (gsize done = 0; done < len_bytes; done += MIN (len_bytes - done, PIECE))
    if (!finish (overlay,
                 nbd_aio_pread (overlay->nbd, (guint8 *)data + done, MIN (len_bytes - done, PIECE),
                                offset_bytes + done, NBD_NULL_COMPLETION, 0),
                 "read overlay", error))
      return FALSE;
  return TRUE;
}

static gboolean
overlay_write (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes,
               GError **error)
{
  Overlay *overlay = (Overlay *)disk;
  for (gsize done = 0; done < len_bytes; done += MIN (len_bytes - done, PIECE))
    if (!finish (overlay,
                 nbd_aio_pwrite (overlay->nbd, (const guint8 *)data + done,
                                 MIN (len_bytes - done, PIECE), offset_bytes + done,
                                 NBD_NULL_COMPLETION, 0),
                 "write overlay", error))
      return FALSE;
  return TRUE;
}

static gboolean
overlay_flush (TsDisk *disk, GError **error)
{
  Overlay *overlay = (Overlay *)disk;
  return finish (overlay, nbd_aio_flush (overlay->nbd, NBD_NULL_COMPLETION, 0), "flush overlay",
                 error);
}

static void
overlay_free (TsDisk *disk)
{
  Overlay *overlay = (Overlay *)disk;
  if (overlay->nbd)
    nbd_close (overlay->nbd);
  /* What was flushed is whole: qcow2 writes its tables in an order that a kill does not break. */
  ts_lab_child_kill (&overlay->daemon);
  unlink (overlay->socket);
  unlink (overlay->pidfile);
  g_free (overlay->socket);
  g_free (overlay->pidfile);
  g_free (overlay);
}

static const TsDiskOps overlay_ops = {
    .name = "nbd",
    .read = overlay_read,
    .write = overlay_write,
    .flush = overlay_flush,
    .free = overlay_free,
};

/* A comma in a value ends it; doubled it is a comma. */
static char *
option_text (const char *path)
{
  g_auto (GStrv) part = g_strsplit (path, ",", -1);
  return g_strjoinv (",,", part);
}

/* The daemon writes its pid file when export and socket are both there. */
static gboolean
start_daemon (Overlay *overlay, const char *path, GError **error)
{
  g_autofree char *image = option_text (path);
  g_autofree char *socket = option_text (overlay->socket);
  g_autofree char *node =
      g_strdup_printf ("driver=qcow2,node-name=disk,file.driver=file,file.filename=%s", image);
  g_autofree char *server =
      g_strdup_printf ("addr.type=unix,addr.path=%s,max-connections=1", socket);
  const char *argv[] = {"qemu-storage-daemon",
                        "--blockdev",
                        node,
                        "--nbd-server",
                        server,
                        "--export",
                        "type=nbd,id=export,node-name=disk,name=" EXPORT ",writable=on",
                        "--pidfile",
                        overlay->pidfile,
                        NULL};
  unlink (overlay->socket);
  unlink (overlay->pidfile);
  if (!ts_lab_child_start (&overlay->daemon, argv, "qemu-system-common", error))
    return FALSE;
  gint64 end_us = g_get_monotonic_time () + STALL_US;
  while (!g_file_test (overlay->pidfile, G_FILE_TEST_EXISTS)) {
    if (!ts_lab_child_alive (&overlay->daemon, error))
      return FALSE;
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "qemu-storage-daemon does not listen");
    g_usleep (POLL_US);
  }
  return TRUE;
}

static gboolean
connect_to (Overlay *overlay, GError **error)
{
  overlay->nbd = nbd_create ();
  if (!overlay->nbd || nbd_set_export_name (overlay->nbd, EXPORT) < 0 ||
      nbd_aio_connect_unix (overlay->nbd, overlay->socket) < 0)
    return throw_nbd (error, "connect");
  gint64 end_us = g_get_monotonic_time () + STALL_US;
  while (!nbd_aio_is_ready (overlay->nbd)) {
    if (nbd_aio_is_dead (overlay->nbd) || nbd_aio_is_closed (overlay->nbd) ||
        nbd_poll (overlay->nbd, 1000) < 0)
      return throw_nbd (error, "connect");
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "connect: no answer within 30 s");
  }
  gint64 size_bytes = nbd_get_size (overlay->nbd);
  if (size_bytes < 0)
    return throw_nbd (error, "size");
  overlay->disk.size_bytes = (guint64)size_bytes;
  return TRUE;
}

TsDisk *
ts_lab_overlay_open (const char *path, const char *socket_path, GError **error)
{
  Overlay *overlay = g_new0 (Overlay, 1);
  g_autoptr (TsDisk) disk = &overlay->disk;
  disk->ops = &overlay_ops;
  overlay->daemon = (TsLabChild){0, -1};
  overlay->socket = g_strdup (socket_path);
  overlay->pidfile = g_strconcat (socket_path, ".pid", NULL);
  if (start_daemon (overlay, path, error) && connect_to (overlay, error))
    return g_steal_pointer (&disk);
  g_prefix_error (error, "open overlay %s: ", path);
  return NULL;
}
