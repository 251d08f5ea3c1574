/* core/seam/death.c -- see death.h. */
#include "core/seam/death.h"

gboolean
ts_death_strikes (TsDeath *death, TsActionKind action, TsDeathMoment moment)
{
  if (!death->armed || death->action != action || death->moment != moment ||
      ++death->seen != death->count)
    return FALSE;
  death->armed = FALSE;
  return TRUE;
}

const char *
ts_death_moment_name (TsDeathMoment moment)
{
  static const char *const names[TS_DEATH_MOMENTS] = {"before", "during", "after"};
  return (guint)moment < TS_DEATH_MOMENTS ? names[moment] : NULL;
}
