/* lab/machine/tracker-read.c -- see tracker-read.h.
 *
 * Several reads are in flight, at rising offsets; they are waited for and written to the log in
 * that order.  A log's offsets need not rise, but so the same changes always make the same log (of a
 * guest that does not write within the cut). */
#include "lab/machine/tracker-read.h"
#include <fcntl.h>
#include <libnbd.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"

#define STALL_US (30 * TS_S)
#define ENTRY_MAX (256 * 1024)
/* Requests, and bytes of them: enough small ones that QEMU and we work on many per wake-up, and not
 * so many large ones that memory would have to be made for them. */
#define IN_FLIGHT 64
#define IN_FLIGHT_BYTES (2 * 1024 * 1024)
#define STATUS_MAX (1024 * TS_MIB) /* asked for at once; the protocol counts in 32 bits */

typedef struct nbd_handle NbdHandle;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NbdHandle, nbd_close)

static gboolean
throw_nbd (GError **error, const char *what)
{
  return ts_throw (error, TS_ERROR_LOST, "%s: %s", what, nbd_get_error ());
}

/* Serves the connection until the command is done. */
static gboolean
finish (NbdHandle *nbd, gint64 cookie, const char *what, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + STALL_US;
  for (;;) {
    int done = nbd_aio_command_completed (nbd, (guint64)cookie);
    if (done > 0)
      return TRUE;
    if (done < 0)
      return throw_nbd (error, what);
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "%s: no answer within 30 s", what);
    if (nbd_poll (nbd, 1000) < 0)
      return throw_nbd (error, what);
  }
}

static gboolean
connect_to (NbdHandle *nbd, const char *socket_path, const char *export_name,
            const char *const *bitmap, GError **error)
{
  for (guint i = 0; bitmap[i]; i++) {
    g_autofree char *context = g_strdup_printf ("qemu:dirty-bitmap:%s", bitmap[i]);
    if (nbd_add_meta_context (nbd, context) < 0)
      return throw_nbd (error, "name bitmap");
  }
  if (nbd_set_export_name (nbd, export_name) < 0 || nbd_aio_connect_unix (nbd, socket_path) < 0)
    return throw_nbd (error, "connect");
  gint64 end_us = g_get_monotonic_time () + STALL_US;
  while (!nbd_aio_is_ready (nbd)) {
    if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd) || nbd_poll (nbd, 1000) < 0)
      return throw_nbd (error, "connect");
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "connect: no answer within 30 s");
  }
  for (guint i = 0; bitmap[i]; i++) {
    g_autofree char *context = g_strdup_printf ("qemu:dirty-bitmap:%s", bitmap[i]);
    if (nbd_can_meta_context (nbd, context) != 1) /* else everything would look clean */
      return ts_throw (error, TS_ERROR_LOST, "bitmap %s is not served", bitmap[i]);
  }
  return TRUE;
}

typedef struct {
  TsExtents *dirty;
  guint contexts;
  guint64 *known_to; /* one per context: how far its answers reach */
  const char *const *bitmap;
} Status;

static int
note_extents (void *user, const char *context, uint64_t offset, uint32_t *entries, size_t count,
              int *error)
{
  Status *status = user;
  for (guint i = 0; i < status->contexts; i++) {
    if (!g_str_has_prefix (context, "qemu:dirty-bitmap:") ||
        strcmp (context + strlen ("qemu:dirty-bitmap:"), status->bitmap[i]) != 0)
      continue;
    for (size_t k = 0; k + 1 < count; k += 2) {
      if (entries[k + 1] & 1) /* NBD_STATE_DIRTY */
        ts_extents_add (status->dirty, offset, entries[k]);
      offset += entries[k];
    }
    status->known_to[i] = offset;
  }
  (void)error;
  return 0;
}

/* A server may answer for less than was asked, and differently long for each bitmap: the next
 * question begins where the shortest answer ended. */
static gboolean
list_changes (NbdHandle *nbd, const char *const *bitmap, guint64 disk_bytes, TsExtents *dirty,
              GError **error)
{
  guint contexts = g_strv_length ((char **)bitmap);
  g_autofree guint64 *known_to = g_new0 (guint64, contexts);
  Status status = {dirty, contexts, known_to, bitmap};
  for (guint64 at = 0; at < disk_bytes;) {
    for (guint i = 0; i < contexts; i++)
      known_to[i] = at;
    nbd_extent_callback note = {.callback = note_extents, .user_data = &status};
    gint64 cookie = nbd_aio_block_status (nbd, MIN (disk_bytes - at, STATUS_MAX), at, note,
                                          NBD_NULL_COMPLETION, 0);
    if (cookie < 0)
      return throw_nbd (error, "list changed blocks");
    if (!finish (nbd, cookie, "list changed blocks", error))
      return FALSE;
    guint64 next = disk_bytes;
    for (guint i = 0; i < contexts; i++)
      next = MIN (next, known_to[i]);
    if (next <= at)
      return ts_throw (error, TS_ERROR_FORMAT, "list changed blocks: an answer without news");
    at = next;
  }
  return TRUE;
}

typedef struct {
  gint64 cookie;
  TsExtent extent;
} Read;

static gboolean
copy_changes (NbdHandle *nbd, const TsExtents *dirty, guint8 *buffer, TsHrlWriter *writer,
              guint32 time_s, TsLabCutDisk *cut, GError **error)
{
  Read ring[IN_FLIGHT];
  guint64 asked = 0, done = 0, at = 0, in_flight_bytes = 0;
  TsExtent next;
  gboolean more = TRUE;
  for (;;) {
    while (more && asked - done < IN_FLIGHT && in_flight_bytes < IN_FLIGHT_BYTES) {
      more = ts_extents_next (dirty, at, ENTRY_MAX, &next);
      if (!more)
        break;
      guint8 *into = buffer + (asked % IN_FLIGHT) * ENTRY_MAX;
      gint64 cookie =
          nbd_aio_pread (nbd, into, next.len_bytes, next.offset_bytes, NBD_NULL_COMPLETION, 0);
      if (cookie < 0)
        return throw_nbd (error, "read changed blocks");
      ring[asked++ % IN_FLIGHT] = (Read){cookie, next};
      at = next.offset_bytes + next.len_bytes;
      in_flight_bytes += next.len_bytes;
    }
    if (done == asked)
      return TRUE;
    const Read *read = &ring[done % IN_FLIGHT];
    if (!finish (nbd, read->cookie, "read changed blocks", error) ||
        !ts_hrl_writer_add (writer, read->extent.offset_bytes,
                            buffer + (done % IN_FLIGHT) * ENTRY_MAX, read->extent.len_bytes, time_s,
                            error))
      return FALSE;
    cut->data_bytes += read->extent.len_bytes;
    cut->entries++;
    in_flight_bytes -= read->extent.len_bytes;
    done++;
  }
}

/* --- beside QEMU (tracker-raw.h) -------------------------------------------------------------- */

static gboolean
read_whole (int fd, const TsExtent *extent, guint8 *into, const char *path, GError **error)
{
  for (guint64 done = 0; done < extent->len_bytes;) {
    gssize got = pread (fd, into + done, extent->len_bytes - done, (off_t)(extent->offset_bytes + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ts_throw_errno (error, "read %s", path);
    if (got == 0)
      return ts_throw (error, TS_ERROR_IO, "%s has become shorter", path);
    done += (guint64)got;
  }
  return TRUE;
}

/* The kernel is told so many ranges ahead: what is not in memory is then read as if all were asked for
 * at once. */
static gboolean
copy_beside (int fd, const char *path, const TsExtents *dirty, guint8 *buffer, TsHrlWriter *writer,
             guint32 time_s, TsLabCutDisk *cut, GError **error)
{
  TsExtent next;
  guint told = 0, count = ts_extents_count (dirty), now = 0;
  for (guint64 at = 0; ts_extents_next (dirty, at, ENTRY_MAX, &next);
       at = next.offset_bytes + next.len_bytes) {
    while (now < count && ts_extents_get (dirty, now).offset_bytes <= next.offset_bytes)
      now++;
    for (; told < MIN (now + IN_FLIGHT, count); told++) {
      TsExtent soon = ts_extents_get (dirty, told);
      (void)posix_fadvise (fd, (off_t)soon.offset_bytes, (off_t)MIN (soon.len_bytes, IN_FLIGHT_BYTES),
                           POSIX_FADV_WILLNEED);
    }
    if (!read_whole (fd, &next, buffer, path, error) ||
        !ts_hrl_writer_add (writer, next.offset_bytes, buffer, next.len_bytes, time_s, error))
      return FALSE;
    cut->data_bytes += next.len_bytes;
    cut->entries++;
  }
  return TRUE;
}

/* Of dirty, what has been written since the cut.  NULL: nobody knows. */
static TsExtents *
overwritten (TsLabRaw *raw, const char *socket_path, const TsExtents *dirty, guint64 disk_bytes,
             GError **error)
{
  g_autofree char *bitmap = ts_lab_raw_bitmap (raw);
  const char *const bitmaps[] = {bitmap, NULL};
  g_autoptr (TsExtents) seen = ts_extents_new ();
  g_autoptr (TsExtents) both = ts_extents_new ();
  g_autoptr (NbdHandle) nbd = nbd_create ();
  if (!nbd || !ts_lab_raw_serve (raw, error) ||
      !connect_to (nbd, socket_path, raw->export, bitmaps, error) ||
      !list_changes (nbd, bitmaps, disk_bytes, seen, error))
    return NULL;
  TsExtent part;
  for (guint i = 0; i < ts_extents_count (seen); i++) {
    TsExtent range = ts_extents_get (seen, i);
    guint64 end = range.offset_bytes + range.len_bytes;
    for (guint64 at = range.offset_bytes;
         at < end && ts_extents_next (dirty, at, end - at, &part) && part.offset_bytes < end;
         at = part.offset_bytes + part.len_bytes)
      ts_extents_add (both, part.offset_bytes, MIN (part.len_bytes, end - part.offset_bytes));
  }
  return g_steal_pointer (&both);
}

/* again: what is to be read over NBD all the same. */
static gboolean
read_beside (TsLabRaw *raw, const char *socket_path, const TsExtents *dirty, guint64 disk_bytes,
             guint8 *buffer, TsHrlWriter *writer, guint32 time_s, TsLabCutDisk *cut,
             TsExtents **again, GError **error)
{
  int fd = open (raw->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) { /* of a libvirtd's machine, say, whose files are not ours to read */
    *again = ts_extents_copy (dirty);
    return TRUE;
  }
  gboolean fine = copy_beside (fd, raw->path, dirty, buffer, writer, time_s, cut, error);
  close (fd);
  if (!fine)
    return FALSE;
  g_autoptr (GError) why = NULL;
  *again = overwritten (raw, socket_path, dirty, disk_bytes, &why);
  if (!*again) {
    g_info ("machine %s: all is read again through QEMU: %s", raw->node, why ? why->message : "NBD");
    *again = ts_extents_copy (dirty);
  }
  return TRUE;
}

gboolean
ts_lab_tracker_read (const char *socket_path, const char *export_name, const char *const *bitmap,
                     TsLabRaw *raw, TsHrlWriter *writer, guint32 time_s, TsLabCutDisk *cut,
                     GError **error)
{
  *cut = (TsLabCutDisk){0, 0};
  /* The buffer is freed after the handle that still may have reads in flight into it. */
  g_autofree guint8 *buffer = g_malloc ((gsize)IN_FLIGHT * ENTRY_MAX);
  g_autoptr (TsExtents) dirty = ts_extents_new ();
  g_autoptr (NbdHandle) nbd = nbd_create ();
  if (!nbd)
    return throw_nbd (error, "NBD");
  if (!connect_to (nbd, socket_path, export_name, bitmap, error))
    return FALSE;
  gint64 size_bytes = nbd_get_size (nbd);
  if (size_bytes < 0)
    return throw_nbd (error, "size");
  g_autoptr (TsExtents) again = NULL;
  if (!list_changes (nbd, bitmap, (guint64)size_bytes, dirty, error) ||
      (raw && raw->path && ts_extents_count (dirty) > 0 &&
       !read_beside (raw, socket_path, dirty, (guint64)size_bytes, buffer, writer, time_s, cut, &again,
                     error)))
    return FALSE;
  return copy_changes (nbd, again ? again : dirty, buffer, writer, time_s, cut, error);
}
