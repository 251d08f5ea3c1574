#include "core/disk/apply.h"
#include "core/base/error.h"

gboolean
ts_apply_log (TsDisk *disk, const TsHrl *log, GError **error)
{
  g_return_val_if_fail (disk && log, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  guint64 need = ts_hrl_info (log)->disk_bytes;
  if (need > disk->size_bytes) /* before the first byte, so that nothing changes */
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "the log writes up to byte %" G_GUINT64_FORMAT
                     ", the disk has %" G_GUINT64_FORMAT,
                     need, disk->size_bytes);
  for (guint64 i = 0; i < ts_hrl_count (log); i++) {
    TsHrlEntry entry = ts_hrl_entry (log, i);
    if (!disk->ops->write (disk, entry.disk_offset_bytes, ts_hrl_data (log, i), entry.len_bytes,
                           error)) {
      g_prefix_error (error, "apply entry %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT ": ", i + 1,
                      ts_hrl_count (log));
      return FALSE;
    }
  }
  if (!disk->ops->flush (disk, error)) {
    g_prefix_error (error, "flush what was applied: ");
    return FALSE;
  }
  return TRUE;
}
