/* What core/ may say: it must compile, or the others fail for the wrong reason. */
#include "core/base/units.h"

typedef struct {
  gint64 time, random;
  gint64 (*read) (gint64 time);
} Good;

gint64 good (Good *good);

gint64
good (Good *it)
{
  g_autoptr (GHashTable) table = g_hash_table_new (g_direct_hash, g_direct_equal);
  g_autofree char *text = ts_format_duration (it->time);
  return it->read (it->random) + (gint64)g_hash_table_size (table) + (gint64)strlen (text);
}
