/* core/relation/point.c -- see point.h. */
#include "core/relation/point.h"
#include "core/base/units.h"

const char *
ts_point_type_name (TsPointType type)
{
  static const char *const names[] = {
      [TS_POINT_STANDARD] = "standard",
      [TS_POINT_CONSISTENT] = "app-consistent",
      [TS_POINT_PLANNED] = "planned",
  };
  return names[type];
}

char *
ts_point_choice_text (const TsPointChoice *choice)
{
  switch (choice->how) {
  case TS_CHOOSE_CONSISTENT:
    return g_strdup ("latest-app-consistent");
  case TS_CHOOSE_INDEX:
    return g_strdup_printf ("%" G_GINT64_FORMAT, choice->number);
  case TS_CHOOSE_AGE:
    return ts_format_duration (choice->number);
  case TS_CHOOSE_SET:
    return g_strdup_printf ("set %" G_GINT64_FORMAT, choice->number);
  case TS_CHOOSE_LATEST:
  default:
    return g_strdup ("latest");
  }
}

/* CHOICE, all of it: the published interfaces take a point by its identity, from a list.  A
 * scenario is written before there is one. */
const TsPoint *
ts_point_choose (const TsPointChoice *choice, const TsPoint *points, guint count,
                 const TsPoint *latest, gint64 now_us)
{
  switch (choice->how) {
  case TS_CHOOSE_LATEST:
    return latest;
  case TS_CHOOSE_INDEX:
    if (choice->number == 0)
      return latest;
    return choice->number > 0 && choice->number <= (gint64)count ? &points[count - choice->number]
                                                                 : NULL;
  case TS_CHOOSE_CONSISTENT:
    if (latest->type == TS_POINT_CONSISTENT)
      return latest;
    for (guint i = count; i > 0; i--)
      if (points[i - 1].type == TS_POINT_CONSISTENT)
        return &points[i - 1];
    return NULL;
  case TS_CHOOSE_AGE:
    if (latest->instant_us <= now_us - choice->number)
      return latest;
    for (guint i = count; i > 0; i--)
      if (points[i - 1].instant_us <= now_us - choice->number)
        return &points[i - 1];
    return NULL;
  case TS_CHOOSE_SET:
    if ((gint64)latest->set == choice->number)
      return latest;
    for (guint i = 0; i < count; i++)
      if ((gint64)points[i].set == choice->number)
        return &points[i];
    return NULL;
  default:
    return NULL;
  }
}
