#include "scenarios/engine/value.h"
#include <string.h>
#include "core/base/units.h"

gboolean
ts_text_integer (const char *text, gint64 *value)
{
  gsize len = strlen (text);
  if (len == 0 || strspn (text, "0123456789") != len)
    return FALSE;
  return g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, value, NULL);
}

/* People write minutes as "min", as the product's own pages do; core/base/units knows "m". */
gboolean
ts_text_duration (const char *text, gint64 *us, GError **error)
{
  if (g_str_has_suffix (text, "min")) {
    g_autofree char *shorter = g_strndup (text, strlen (text) - 2);
    if (ts_parse_duration (shorter, us, NULL))
      return TRUE;
  }
  return ts_parse_duration (text, us, error);
}

gboolean
ts_text_interval (const char *text, gint64 *us)
{
  return ts_text_duration (text, us, NULL) &&
         (*us == 30 * TS_S || *us == 300 * TS_S || *us == 900 * TS_S);
}

gboolean
ts_text_point (const char *text, TsPointChoice *choice)
{
  gint64 number = 0;
  *choice = (TsPointChoice){TS_CHOOSE_LATEST, 0};
  if (g_str_equal (text, "latest"))
    return TRUE;
  if (g_str_equal (text, "latest-app-consistent"))
    choice->how = TS_CHOOSE_CONSISTENT;
  else if (g_ascii_string_to_signed (text, 10, 0, TS_POINTS_MAX, &number, NULL))
    choice->how = TS_CHOOSE_INDEX;
  else if (ts_text_duration (text, &number, NULL) && number > 0)
    choice->how = TS_CHOOSE_AGE;
  else
    return FALSE;
  choice->number = number;
  return TRUE;
}

gboolean
ts_text_switch (const char *text, gboolean *on)
{
  static const char *const words[][2] = {{"off", "on"}, {"no", "yes"}, {"false", "true"}};
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    for (guint value = 0; value < 2; value++)
      if (g_str_equal (text, words[i][value])) {
        *on = value == 1;
        return TRUE;
      }
  return FALSE;
}

gint64
ts_value_integer (const TsYaml *node)
{
  gint64 value = 0;
  gboolean good = ts_text_integer (node->text, &value);
  g_assert (good);
  return value;
}

gint64
ts_value_duration (const TsYaml *node)
{
  gint64 us = 0;
  if (g_str_equal (node->text, "none"))
    return -1;
  gboolean good = ts_text_duration (node->text, &us, NULL);
  g_assert (good);
  return us;
}

guint64
ts_value_size (const TsYaml *node)
{
  guint64 bytes = 0;
  gboolean good = ts_parse_size (node->text, &bytes, NULL);
  g_assert (good);
  return bytes;
}

guint64
ts_value_rate (const TsYaml *node)
{
  guint64 rate = 0;
  gboolean good = ts_parse_rate (node->text, &rate, NULL);
  g_assert (good);
  return rate;
}

guint64
ts_value_frequency (const TsYaml *node)
{
  guint64 often = 0;
  gboolean good = ts_parse_frequency (node->text, &often, NULL);
  g_assert (good);
  return often;
}

guint32
ts_value_share (const TsYaml *node)
{
  guint32 ppm = 0;
  gboolean good = ts_parse_share (node->text, &ppm, NULL);
  g_assert (good);
  return ppm;
}

gint64
ts_value_interval (const TsYaml *node)
{
  gint64 us = 0;
  gboolean good = ts_text_interval (node->text, &us);
  g_assert (good);
  return us;
}

gboolean
ts_text_clock (const char *text, gint64 *us)
{
  if (strlen (text) != 5 || text[2] != ':' || !g_ascii_isdigit (text[0]) ||
      !g_ascii_isdigit (text[1]) || !g_ascii_isdigit (text[3]) || !g_ascii_isdigit (text[4]))
    return FALSE;
  gint64 hours = (text[0] - '0') * 10 + (text[1] - '0');
  gint64 minutes = (text[3] - '0') * 10 + (text[4] - '0');
  *us = hours * TS_HOUR + minutes * TS_MIN;
  return hours < 24 && minutes < 60;
}

gint64
ts_value_clock (const TsYaml *node)
{
  gint64 us = 0;
  gboolean good = ts_text_clock (node->text, &us);
  g_assert (good);
  return us;
}

TsPointChoice
ts_value_point (const TsYaml *node)
{
  TsPointChoice choice;
  gboolean good = ts_text_point (node->text, &choice);
  g_assert (good);
  return choice;
}

gboolean
ts_value_switch (const TsYaml *node)
{
  gboolean on = FALSE;
  gboolean good = ts_text_switch (node->text, &on);
  g_assert (good);
  return on;
}
