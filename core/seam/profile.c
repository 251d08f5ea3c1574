#include "core/seam/profile.h"
#include <stddef.h>
#include <string.h>

#define TIME(name, fallback)                                                                       \
  {                                                                                                \
#name, offsetof(TsProfile, name##_us), FALSE, fallback                                         \
  }
#define RATE(name, fallback)                                                                       \
  {                                                                                                \
#name, offsetof(TsProfile, name##_bytes_per_s), TRUE, fallback                                 \
  }

static const TsProfileRow rows[] = {
    TIME (boot, 3200 * TS_MS), TIME (shutdown, 600 * TS_MS), TIME (define, 300 * TS_MS),
    TIME (probe, 2 * TS_MS),   TIME (write, 400 * TS_US),    TIME (flush, 3 * TS_MS),
    TIME (track, 150 * TS_MS), TIME (cut, 150 * TS_MS),      TIME (store, 50 * TS_US),
    TIME (sync, 10 * TS_MS),   TIME (apply, 10 * TS_MS),     TIME (branch, 60 * TS_MS),
    TIME (merge, 300 * TS_MS), RATE (disk, 400 * TS_MIB),    RATE (survey, 150 * TS_MIB),
    RATE (read, 0),            TIME (handshake, 0),          RATE (link, 0),
};

const TsProfileRow *
ts_profile_get (guint index)
{
  return index < G_N_ELEMENTS (rows) ? &rows[index] : NULL;
}

const TsProfileRow *
ts_profile_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (rows[i].name, name))
      return &rows[i];
  return NULL;
}

gint64 *
ts_profile_value (TsProfile *profile, const TsProfileRow *row)
{
  return (gint64 *)(void *)((char *)profile + row->offset);
}

void
ts_profile_init (TsProfile *profile)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    *ts_profile_value (profile, &rows[i]) = rows[i].fallback;
}

/* Whole bytes a microsecond: a machine is not known better than that. */
static gint64
bulk_us (guint64 bytes, gint64 bytes_per_s)
{
  return (gint64)(bytes / (guint64)MAX (bytes_per_s / TS_S, 1));
}

gint64
ts_profile_read_us (const TsProfile *profile, guint64 bytes)
{
  /* exact: slow disks are not a whole number of bytes a microsecond; bytes is below 2^43 */
  return (gint64)(bytes * (guint64)TS_S / (guint64)profile->read_bytes_per_s);
}

gint64
ts_profile_disk_us (const TsProfile *profile, guint64 bytes)
{
  return bulk_us (bytes, profile->disk_bytes_per_s);
}

gint64
ts_profile_survey_us (const TsProfile *profile, guint64 bytes)
{
  return bulk_us (bytes, profile->survey_bytes_per_s);
}
