#include "core/format/hrl-print.h"
#include "core/base/units.h"

#define U64 G_GUINT64_FORMAT

static void
add_size (GString *out, const char *label, guint64 bytes)
{
  g_autofree char *text = ts_format_size (bytes);
  g_string_append_printf (out, "%-18s%" U64 " bytes", label, bytes);
  if (bytes >= TS_KIB)
    g_string_append_printf (out, " (%s)", text);
  g_string_append_c (out, '\n');
}

static void
add_time (GString *out, const char *label, guint32 time_s)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (TS_HRL_EPOCH_UNIX_S + (gint64)time_s);
  g_autofree char *text = g_date_time_format (time, "%Y-%m-%d %H:%M:%S UTC");
  g_string_append_printf (out, "%-18s%s\n", label, text);
}

static void
add_guid (GString *out, const char *label, const TsGuid *guid)
{
  char text[TS_GUID_TEXT_SIZE];
  ts_guid_format (guid, text);
  g_string_append_printf (out, "%-18s%s\n", label, ts_guid_is_zero (guid) ? "none" : text);
}

static void
add_header (GString *out, const TsHrlGlance *header)
{
  add_time (out, "opened", header->info.time_s);
  add_time (out, "modified", header->modified_s);
  add_guid (out, "id", &header->info.unique);
  add_guid (out, "previous", &header->info.previous);
  add_guid (out, "disk write id", &header->info.disk_write);
  if (header->eol_bytes)
    add_size (out, "end of log", header->eol_bytes);
  else
    g_string_append (out, "end of log        none: the log was not closed gracefully\n");
  g_string_append_printf (out, "%-18s%" U64 "\n", "writes", header->entries);
  g_string_append_printf (out, "%-18s%d\n", "tracking error", header->error_code);
  g_string_append_printf (out, "%-18s%s\n", "header checksum",
                          header->checksum_ok ? "fits" : "does not fit");
}

static void
add_entries (GString *out, const TsHrl *hrl, guint64 max_entries)
{
  guint64 count = ts_hrl_count (hrl), listed = MIN (count, max_entries);
  add_size (out, "data", ts_hrl_data_bytes (hrl));
  add_size (out, "writes up to", ts_hrl_info (hrl)->disk_bytes);
  if (ts_hrl_unguarded (hrl))
    g_string_append_printf (out, "%-18s%" U64 " writes\n", "no data checksum",
                            ts_hrl_unguarded (hrl));
  if (listed)
    g_string_append_printf (out, "\n%10s %20s %12s %20s %12s\n", "write", "disk offset", "bytes",
                            "log offset", "time");
  for (guint64 i = 0; i < listed; i++) {
    TsHrlEntry entry = ts_hrl_entry (hrl, i);
    g_string_append_printf (out, "%10" U64 " %20" U64 " %12u %20" U64 " %+11" G_GINT64_FORMAT "s\n",
                            i + 1, entry.disk_offset_bytes, entry.len_bytes, entry.log_offset_bytes,
                            (gint64)entry.time_s - (gint64)ts_hrl_info (hrl)->time_s);
  }
  if (listed < count)
    g_string_append_printf (out, "%10s %" U64 " more\n", "and", count - listed);
}

char *
ts_hrl_describe (GBytes *bytes, guint64 max_entries, gboolean *valid)
{
  g_return_val_if_fail (bytes, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  TsHrlGlance header;
  add_size (out, "file", len);
  if (ts_hrl_glance (data, len, &header, NULL))
    add_header (out, &header);
  g_autoptr (TsHrl) hrl = ts_hrl_open (bytes, &error);
  if (hrl) {
    add_entries (out, hrl, max_entries);
    g_string_append (out, "\nvalid: may be applied\n");
  } else
    g_string_append_printf (out, "\nnot valid: %s\n", error->message);
  if (valid)
    *valid = hrl != NULL;
  return g_string_free (g_steal_pointer (&out), FALSE);
}
