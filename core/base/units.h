/* core/base/units.h -- quantities as people write them: "30s", "64KiB", "50Mbit/s", "20/s", "0.5%".
 *
 * Inside there are only integers: microseconds, bytes, bits per second, millionths.  A quantity
 * without a unit is an error, except 0.  Decimal fractions are accepted where they come out exact
 * ("1.5s" is 1,500,000 us).  No sign, no exponent, no white space inside. */
#pragma once
#include <glib.h>

#define TS_US G_GINT64_CONSTANT (1)
#define TS_MS G_GINT64_CONSTANT (1000)
#define TS_S G_GINT64_CONSTANT (1000000)
#define TS_MIN (60 * TS_S)
#define TS_HOUR (60 * TS_MIN)
#define TS_KIB G_GUINT64_CONSTANT (1024)
#define TS_MIB (1024 * TS_KIB)
#define TS_GIB (1024 * TS_MIB)
#define TS_NEVER G_MAXINT64 /* a time that does not come */

/* us ms s m h d.  Errors: TS_ERROR_ARGUMENT; the message quotes text and lists the units. */
gboolean ts_parse_duration (const char *text, gint64 *us, GError **error);
/* B KiB MiB GiB TiB, and kB MB GB TB (powers of 1000) */
gboolean ts_parse_size (const char *text, guint64 *bytes, GError **error);
/* bit/s kbit/s Mbit/s Gbit/s */
gboolean ts_parse_rate (const char *text, guint64 *bits_per_s, GError **error);
/* "20/s", "90/m", "6/h": how often, per million seconds.  Per second it is exact; per minute and
 * hour the nearest is taken, since "20/m" has no exact answer. */
gboolean ts_parse_frequency (const char *text, guint64 *per_megasecond, GError **error);
/* "0.5%" -> 5000 parts per million; 0 to 100 % */
gboolean ts_parse_share (const char *text, guint32 *ppm, GError **error);

/* Shortest exact-enough text for people: "1.500 s", "20 ms", "48.0 MiB", "50 Mbit/s".  Caller
 * frees. */
char *ts_format_duration (gint64 us);
char *ts_format_size (guint64 bytes);
char *ts_format_rate (guint64 bits_per_s);
