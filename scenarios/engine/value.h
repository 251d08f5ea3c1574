/* scenarios/engine/value.h -- what a scalar of a scenario says: text to value.
 *
 * Beside what core/base/units.h knows: minutes may be "min", an interval is one of the published
 * three, a time of day is HH:MM, a recovery point is "latest" or what point.h can choose. */
#pragma once
#include "core/relation/point.h"
#include "scenarios/engine/yaml.h"

/* FALSE: the text is no such thing, and the value undefined. */
gboolean ts_text_integer (const char *text, gint64 *value); /* not negative */
gboolean ts_text_duration (const char *text, gint64 *us, GError **error);
gboolean ts_text_interval (const char *text, gint64 *us); /* 30 s, 5 min, 15 min */
gboolean ts_text_clock (const char *text, gint64 *us);    /* since midnight */
gboolean ts_text_point (const char *text, TsPointChoice *choice);
gboolean ts_text_switch (const char *text, gboolean *on);

/* Text to value, for checked nodes: cannot fail any more (asserted). */
gint64 ts_value_integer (const TsYaml *node);
gint64 ts_value_duration (const TsYaml *node); /* -1: none */
guint64 ts_value_size (const TsYaml *node);
guint64 ts_value_rate (const TsYaml *node);
guint64 ts_value_frequency (const TsYaml *node);
guint32 ts_value_share (const TsYaml *node);
gint64 ts_value_interval (const TsYaml *node);
gint64 ts_value_clock (const TsYaml *node);
TsPointChoice ts_value_point (const TsYaml *node);
gboolean ts_value_switch (const TsYaml *node);
