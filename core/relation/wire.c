/* core/relation/wire.c -- see wire.h.
 *
 * Each payload has one check, which both directions use: pack asserts it, unpack refuses by it. */
#include "core/relation/wire.h"
#include "core/base/error.h"
#include <string.h>

enum { VERSION = 2 };
enum { HELLO_BYTES = 104, HELLO_DISK_BYTES = 40, MANIFEST_BYTES = 24, MANIFEST_DISK_BYTES = 48 };

static const guint8 hello_magic[4] = {'T', 'S', 'H', 'E'};
static const guint8 manifest_magic[4] = {'T', 'S', 'M', 'A'};

static void
put_le (guint8 *at, guint64 value, guint bytes)
{
  for (guint i = 0; i < bytes; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static guint64
get_le (const guint8 *at, guint bytes)
{
  guint64 value = 0;
  for (guint i = 0; i < bytes; i++)
    value |= (guint64)at[i] << (8 * i);
  return value;
}

/* Magic, version, number of disks and length: TRUE: disks of them, and exactly their bytes. */
static gboolean
check_frame (const char *what, const guint8 *data, gsize len_bytes, const guint8 tag[4],
             gsize head_bytes, gsize disk_bytes, gsize disks_at, guint disks_bytes, guint *disks,
             GError **error)
{
  if (len_bytes < head_bytes || memcmp (data, tag, 4) != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "%s: %" G_GSIZE_FORMAT " bytes that are not one", what,
                     len_bytes);
  guint32 version = (guint32)get_le (data + 4, 4);
  if (version != VERSION)
    return ts_throw (error, TS_ERROR_REFUSED, "%s: version %u, this side speaks %u", what, version,
                     VERSION);
  *disks = (guint)get_le (data + disks_at, disks_bytes);
  if (*disks < 1 || *disks > TS_WIRE_DISKS_MAX)
    return ts_throw (error, TS_ERROR_FORMAT, "%s: %u disks, 1 to %d are allowed", what, *disks,
                     TS_WIRE_DISKS_MAX);
  if (len_bytes != head_bytes + *disks * disk_bytes)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "%s: %" G_GSIZE_FORMAT " bytes, %" G_GSIZE_FORMAT " expected for %u disks",
                     what, len_bytes, head_bytes + *disks * disk_bytes, *disks);
  return TRUE;
}

/* A text as wire.h has it, in a field of size bytes; padded: NULs up to the end are demanded too.
 */
static gboolean
check_text (const char *what, const char *text, gsize size, gboolean padded, GError **error)
{
  gsize len_bytes = strnlen (text, size);
  if (len_bytes == 0 || len_bytes == size || !g_utf8_validate (text, (gssize)len_bytes, NULL))
    return ts_throw (error, TS_ERROR_FORMAT, "%s: not a text of 1 to %" G_GSIZE_FORMAT " bytes",
                     what, size - 1);
  for (const char *at = text; at < text + len_bytes; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return ts_throw (error, TS_ERROR_FORMAT, "%s: holds a control character", what);
  for (gsize i = len_bytes; padded && i < size; i++)
    if (text[i] != 0)
      return ts_throw (error, TS_ERROR_FORMAT, "%s: bytes behind the text's end", what);
  return TRUE;
}

static gboolean
check_hello (const TsHello *hello, gboolean padded, GError **error)
{
  if (ts_guid_is_zero (&hello->vm))
    return ts_throw (error, TS_ERROR_FORMAT, "hello: names no VM");
  if (hello->interval_us < 1 || hello->interval_us > TS_WIRE_INTERVAL_US_MAX)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "hello: interval of %" G_GUINT64_FORMAT " us, 1 us to a day is allowed",
                     hello->interval_us);
  if (hello->disks < 1 || hello->disks > TS_WIRE_DISKS_MAX)
    return ts_throw (error, TS_ERROR_FORMAT, "hello: %u disks", hello->disks);
  if (hello->recovery_points > TS_POINTS_MAX || hello->time_scale < 1 ||
      hello->time_scale > TS_POLICY_TIME_SCALE_MAX)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "hello: %u recovery points at time scale %u, 0 to %d at 1 to %u are allowed",
                     hello->recovery_points, hello->time_scale, TS_POINTS_MAX,
                     TS_POLICY_TIME_SCALE_MAX);
  if (!check_text ("hello: the VM's name", hello->name, sizeof hello->name, padded, error))
    return FALSE;
  for (guint i = 0; i < hello->disks; i++) {
    if (hello->disk[i].size_bytes < 1 || hello->disk[i].size_bytes > TS_WIRE_DISK_BYTES_MAX)
      return ts_throw (error, TS_ERROR_FORMAT,
                       "hello: disk %u of %" G_GUINT64_FORMAT " bytes, 1 byte to 64 TiB is allowed",
                       i, hello->disk[i].size_bytes);
    if (!check_text ("hello: a disk's name", hello->disk[i].name, sizeof hello->disk[i].name,
                     padded, error))
      return FALSE;
  }
  if (ts_hello_disks (hello) == 0)
    return ts_throw (error, TS_ERROR_FORMAT, "hello: no disk of it is replicated");
  return TRUE;
}

static gboolean
check_manifest (const TsManifest *manifest, GError **error)
{
  if (manifest->instant_us < 0)
    return ts_throw (error, TS_ERROR_FORMAT, "manifest: an instant before the beginning");
  if (manifest->disks < 1 || manifest->disks > TS_WIRE_DISKS_MAX)
    return ts_throw (error, TS_ERROR_FORMAT, "manifest: %u disks", manifest->disks);
  for (guint i = 0; i < manifest->disks; i++) {
    static const guint8 nothing[sizeof manifest->disk[0]];
    guint64 log_bytes = manifest->disk[i].log_bytes;
    if (memcmp (&manifest->disk[i], nothing, sizeof nothing) == 0)
      continue;
    if (log_bytes < 1 || log_bytes > TS_WIRE_LOG_BYTES_MAX ||
        manifest->disk[i].data_bytes >= log_bytes)
      return ts_throw (error, TS_ERROR_FORMAT,
                       "manifest: disk %u: log of %" G_GUINT64_FORMAT
                       " bytes cannot hold %" G_GUINT64_FORMAT " of data",
                       i, log_bytes, manifest->disk[i].data_bytes);
    const TsGuid *unique = &manifest->disk[i].unique;
    if (ts_guid_is_zero (unique) || ts_guid_equal (unique, &manifest->disk[i].previous))
      return ts_throw (error, TS_ERROR_FORMAT, "manifest: disk %u: a log without a name of its own",
                       i);
    for (guint j = 0; j < i; j++)
      if (ts_guid_equal (unique, &manifest->disk[j].unique))
        return ts_throw (error, TS_ERROR_FORMAT, "manifest: disks %u and %u name one log", j, i);
  }
  if (ts_manifest_disks (manifest) == 0)
    return ts_throw (error, TS_ERROR_FORMAT, "manifest: a set without a log");
  return TRUE;
}

guint32
ts_hello_disks (const TsHello *hello)
{
  guint32 mask = 0;
  for (guint i = 0; i < hello->disks; i++)
    mask |= hello->disk[i].excluded ? 0 : 1u << i;
  return mask;
}

guint32
ts_manifest_disks (const TsManifest *manifest)
{
  guint32 mask = 0;
  for (guint i = 0; i < manifest->disks; i++)
    mask |= manifest->disk[i].log_bytes == 0 ? 0 : 1u << i;
  return mask;
}

GBytes *
ts_hello_pack (const TsHello *hello)
{
  g_autoptr (GError) bug = NULL;
  check_hello (hello, FALSE, &bug);
  g_assert_no_error (bug);
  gsize len_bytes = HELLO_BYTES + hello->disks * (gsize)HELLO_DISK_BYTES;
  guint8 *data = g_malloc0 (len_bytes);
  memcpy (data, hello_magic, sizeof hello_magic);
  put_le (data + 4, VERSION, 4);
  memcpy (data + 8, hello->vm.bytes, sizeof hello->vm.bytes);
  put_le (data + 24, hello->interval_us, 8);
  put_le (data + 32, hello->disks, 2);
  put_le (data + 34, ((1u << hello->disks) - 1) & ~ts_hello_disks (hello), 2);
  data[36] = (guint8)hello->recovery_points;
  put_le (data + 38, hello->time_scale, 2);
  memcpy (data + 40, hello->name, strlen (hello->name));
  for (guint i = 0; i < hello->disks; i++) {
    guint8 *at = data + HELLO_BYTES + i * (gsize)HELLO_DISK_BYTES;
    put_le (at, hello->disk[i].size_bytes, 8);
    memcpy (at + 8, hello->disk[i].name, strlen (hello->disk[i].name));
  }
  return g_bytes_new_take (data, len_bytes);
}

gboolean
ts_hello_unpack (GBytes *bytes, TsHello *hello, GError **error)
{
  gsize len_bytes = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len_bytes) : NULL;
  TsHello read = {.disks = 0};
  if (!check_frame ("hello", data, len_bytes, hello_magic, HELLO_BYTES, HELLO_DISK_BYTES, 32, 2,
                    &read.disks, error))
    return FALSE;
  if (data[37] != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "hello: byte 37 is not zero");
  guint32 excluded = (guint32)get_le (data + 34, 2);
  if (excluded >> read.disks != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "hello: a disk is left out that is not there");
  read.recovery_points = data[36];
  read.time_scale = (guint32)get_le (data + 38, 2);
  memcpy (read.vm.bytes, data + 8, sizeof read.vm.bytes);
  read.interval_us = get_le (data + 24, 8);
  memcpy (read.name, data + 40, sizeof read.name);
  for (guint i = 0; i < read.disks; i++) {
    const guint8 *at = data + HELLO_BYTES + i * (gsize)HELLO_DISK_BYTES;
    read.disk[i].size_bytes = get_le (at, 8);
    memcpy (read.disk[i].name, at + 8, sizeof read.disk[i].name);
    read.disk[i].excluded = (excluded >> i & 1) != 0;
  }
  if (!check_hello (&read, TRUE, error))
    return FALSE;
  *hello = read;
  return TRUE;
}

GBytes *
ts_mark_pack (guint disk, guint64 offset_bytes)
{
  guint8 data[16];
  put_le (data, disk, 8);
  put_le (data + 8, offset_bytes, 8);
  return g_bytes_new (data, sizeof data);
}

gboolean
ts_mark_unpack (GBytes *bytes, guint *disk, guint64 *offset_bytes)
{
  gsize len_bytes = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len_bytes) : NULL;
  if (len_bytes != 16 || get_le (data, 8) > TS_WIRE_DISKS_MAX)
    return FALSE;
  *disk = (guint)get_le (data, 8);
  *offset_bytes = get_le (data + 8, 8);
  return TRUE;
}

GBytes *
ts_manifest_pack (const TsManifest *manifest)
{
  g_autoptr (GError) bug = NULL;
  check_manifest (manifest, &bug);
  g_assert_no_error (bug);
  gsize len_bytes = MANIFEST_BYTES + manifest->disks * (gsize)MANIFEST_DISK_BYTES;
  guint8 *data = g_malloc0 (len_bytes);
  memcpy (data, manifest_magic, sizeof manifest_magic);
  put_le (data + 4, VERSION, 4);
  put_le (data + 8, (guint64)manifest->instant_us, 8);
  put_le (data + 16, manifest->kind, 4);
  put_le (data + 20, manifest->disks, 4);
  for (guint i = 0; i < manifest->disks; i++) {
    guint8 *at = data + MANIFEST_BYTES + i * (gsize)MANIFEST_DISK_BYTES;
    put_le (at, manifest->disk[i].log_bytes, 8);
    put_le (at + 8, manifest->disk[i].data_bytes, 8);
    memcpy (at + 16, manifest->disk[i].unique.bytes, 16);
    memcpy (at + 32, manifest->disk[i].previous.bytes, 16);
  }
  return g_bytes_new_take (data, len_bytes);
}

gboolean
ts_manifest_unpack (GBytes *bytes, TsManifest *manifest, GError **error)
{
  gsize len_bytes = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len_bytes) : NULL;
  TsManifest read = {.disks = 0};
  if (!check_frame ("manifest", data, len_bytes, manifest_magic, MANIFEST_BYTES,
                    MANIFEST_DISK_BYTES, 20, 4, &read.disks, error))
    return FALSE;
  read.instant_us = (gint64)get_le (data + 8, 8);
  read.kind = (guint32)get_le (data + 16, 4);
  for (guint i = 0; i < read.disks; i++) {
    const guint8 *at = data + MANIFEST_BYTES + i * (gsize)MANIFEST_DISK_BYTES;
    read.disk[i].log_bytes = get_le (at, 8);
    read.disk[i].data_bytes = get_le (at + 8, 8);
    memcpy (read.disk[i].unique.bytes, at + 16, 16);
    memcpy (read.disk[i].previous.bytes, at + 32, 16);
  }
  if (!check_manifest (&read, error))
    return FALSE;
  *manifest = read;
  return TRUE;
}

gboolean
ts_hello_is_fresh (guint64 value)
{
  return (value & TS_HELLO_FRESH) != 0 && (value & (TS_RESYNC_RUN | TS_UPDATE_RUN)) == 0;
}
