#include "core/base/units.h"
#include "core/base/error.h"

typedef unsigned __int128 Wide;

/* One unit is worth up / down of what is kept inside.  Where down is not 1 (a minute in a frequency
 * per million seconds), most numbers have no exact answer, and the nearest one is taken. */
typedef struct {
  const char *name;
  guint64 up, down;
} Unit;

static const Unit durations[] = {
    {"us", TS_US, 1}, {"ms", TS_MS, 1},  {"s", TS_S, 1},
    {"m", TS_MIN, 1}, {"h", TS_HOUR, 1}, {"d", 24 * TS_HOUR, 1},
};
static const Unit sizes[] = {
    {"B", 1, 1},        {"KiB", TS_KIB, 1},        {"MiB", TS_MIB, 1},
    {"GiB", TS_GIB, 1}, {"TiB", 1024 * TS_GIB, 1}, {"kB", 1000, 1},
    {"MB", 1000000, 1}, {"GB", 1000000000, 1},     {"TB", G_GUINT64_CONSTANT (1000000000000), 1},
};
static const Unit rates[] = {
    {"bit/s", 1, 1},
    {"kbit/s", 1000, 1},
    {"Mbit/s", 1000000, 1},
    {"Gbit/s", 1000000000, 1},
};
static const Unit frequencies[] = {
    {"/s", 1000000, 1},
    {"/m", 1000000, 60},
    {"/h", 1000000, 3600},
};
static const Unit shares[] = {{"%", 10000, 1}};

#define DIGITS_MAX 18 /* fits 60 bits, so that the product with any unit above fits 128 */

/* The text as it can stand in a message: short, and valid UTF-8 whatever the user wrote. */
static char *
quote (const char *text)
{
  gsize len = strlen (text);
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)MIN (len, 40));
  return g_strdup_printf ("\"%s%s\"", valid, len > 40 ? "..." : "");
}

static gboolean
refuse (const char *text, const char *why, GError **error)
{
  g_autofree char *quoted = quote (text);
  return ts_throw (error, TS_ERROR_ARGUMENT, "%s %s", quoted, why);
}

static gboolean
refuse_unit (const char *text, const char *noun, const Unit *units, gsize n_units, GError **error)
{
  g_autoptr (GString) why = g_string_new ("is not a ");
  g_string_append_printf (why, "%s: a number and one of", noun);
  for (gsize i = 0; i < n_units; i++)
    g_string_append_printf (why, " %s", units[i].name);
  g_string_append (why, ", without a space");
  return refuse (text, why->str, error);
}

static gboolean
parse (const char *text, const char *noun, const Unit *units, gsize n_units, guint64 max,
       guint64 *value, GError **error)
{
  g_return_val_if_fail (text && value, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  const char *at = text;
  guint64 mantissa = 0, scale = 1;
  guint digits = 0,
        zeros = 0; /* zeros behind the point wait: they count only before another digit */
  gboolean point = FALSE;

  for (; g_ascii_isdigit (*at) || (*at == '.' && !point && at > text); at++) {
    if (*at == '.') {
      point = TRUE;
      if (!g_ascii_isdigit (at[1]))
        return refuse_unit (text, noun, units, n_units, error);
      continue;
    }
    if (point && *at == '0') {
      zeros++;
      continue;
    }
    digits += (mantissa || *at != '0' ? 1 : 0) + (point ? zeros : 0);
    if (digits > DIGITS_MAX || zeros > DIGITS_MAX)
      return refuse (text, "has too many digits", error);
    for (; point && zeros; zeros--) {
      mantissa *= 10;
      scale *= 10;
    }
    mantissa = mantissa * 10 + (guint64)g_ascii_digit_value (*at);
    if (point)
      scale *= 10;
  }
  if (at == text)
    return refuse_unit (text, noun, units, n_units, error);
  if (*at == '\0' && mantissa == 0) { /* nothing is nothing in every unit */
    *value = 0;
    return TRUE;
  }

  const Unit *unit = NULL;
  for (gsize i = 0; i < n_units && !unit; i++)
    if (strcmp (at, units[i].name) == 0)
      unit = &units[i];
  if (!unit)
    return refuse_unit (text, noun, units, n_units, error);

  Wide top = (Wide)mantissa * unit->up, bottom = (Wide)scale * unit->down;
  if (unit->down == 1 && top % bottom)
    return refuse (text, "is finer than can be kept", error);
  Wide result = unit->down == 1 ? top / bottom : (top + bottom / 2) / bottom;
  if (result > max)
    return refuse (text, "is too large", error);
  if (result == 0 && mantissa)
    return refuse (text, "is too small", error);
  *value = (guint64)result;
  return TRUE;
}

gboolean
ts_parse_duration (const char *text, gint64 *us, GError **error)
{
  guint64 value;
  if (!parse (text, "duration", durations, G_N_ELEMENTS (durations), TS_NEVER - 1, &value, error))
    return FALSE;
  *us = (gint64)value;
  return TRUE;
}

gboolean
ts_parse_size (const char *text, guint64 *bytes, GError **error)
{
  return parse (text, "size", sizes, G_N_ELEMENTS (sizes), G_MAXUINT64, bytes, error);
}

gboolean
ts_parse_rate (const char *text, guint64 *bits_per_s, GError **error)
{
  return parse (text, "rate", rates, G_N_ELEMENTS (rates), G_MAXUINT64, bits_per_s, error);
}

gboolean
ts_parse_frequency (const char *text, guint64 *per_megasecond, GError **error)
{
  return parse (text, "frequency", frequencies, G_N_ELEMENTS (frequencies), G_MAXUINT64,
                per_megasecond, error);
}

gboolean
ts_parse_share (const char *text, guint32 *ppm, GError **error)
{
  guint64 value;
  if (!parse (text, "share", shares, G_N_ELEMENTS (shares), G_MAXUINT64, &value, error))
    return FALSE;
  if (value > 1000000)
    return refuse (text, "is more than 100%", error);
  *ppm = (guint32)value;
  return TRUE;
}

/* "30 s", "1.500 s": thousandths only where there are some. */
static char *
format_thousandths (guint64 value, const char *unit)
{
  if (value % 1000 == 0)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " %s", value / 1000, unit);
  return g_strdup_printf ("%" G_GUINT64_FORMAT ".%03u %s", value / 1000, (guint)(value % 1000),
                          unit);
}

static char *
format_magnitude (guint64 us)
{
  if (us < (guint64)TS_MS)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " us", us);
  if (us < (guint64)TS_S)
    return format_thousandths (us, "ms");
  guint64 ms = (us + 500) / 1000;
  if (ms < 60 * 1000)
    return format_thousandths (ms, "s");
  g_autoptr (GString) text = g_string_new (NULL);
  guint64 days = ms / 86400000, hours = ms / 3600000 % 24, minutes = ms / 60000 % 60;
  guint64 rest = ms % 60000;
  if (days)
    g_string_append_printf (text, "%" G_GUINT64_FORMAT " d ", days);
  if (hours)
    g_string_append_printf (text, "%" G_GUINT64_FORMAT " h ", hours);
  if (minutes)
    g_string_append_printf (text, "%" G_GUINT64_FORMAT " min ", minutes);
  if (rest) {
    g_autofree char *seconds = format_thousandths (rest, "s");
    g_string_append (text, seconds);
  } else
    g_string_truncate (text, text->len - 1);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
ts_format_duration (gint64 us)
{
  if (us == TS_NEVER)
    return g_strdup ("never");
  if (us >= 0)
    return format_magnitude ((guint64)us);
  g_autofree char *magnitude = format_magnitude (0 - (guint64)us);
  return g_strconcat ("-", magnitude, NULL);
}

char *
ts_format_size (guint64 bytes)
{
  static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < TS_KIB)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " B", bytes);
  Wide unit = TS_KIB;
  guint i = 0;
  /* Up a unit where rounding would print "1024.0". */
  while (i + 1 < G_N_ELEMENTS (names) && ((Wide)bytes * 10 + unit / 2) / unit >= 10240) {
    unit *= 1024;
    i++;
  }
  guint64 tenths = (guint64)(((Wide)bytes * 10 + unit / 2) / unit);
  return g_strdup_printf ("%" G_GUINT64_FORMAT ".%u %s", tenths / 10, (guint)(tenths % 10),
                          names[i]);
}

char *
ts_format_rate (guint64 bits_per_s)
{
  static const char *const names[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
  Wide unit = 1;
  guint i = 0;
  while (i + 1 < G_N_ELEMENTS (names) && ((Wide)bits_per_s * 10 + unit / 2) / unit >= 10000) {
    unit *= 1000;
    i++;
  }
  guint64 whole = (guint64)(bits_per_s / unit);
  guint64 tenths = (guint64)(((Wide)bits_per_s * 10 + unit / 2) / unit);
  if (bits_per_s % unit == 0 || i == 0)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " %s", whole, names[i]);
  return g_strdup_printf ("%" G_GUINT64_FORMAT ".%u %s", tenths / 10, (guint)(tenths % 10),
                          names[i]);
}
