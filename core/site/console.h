/* core/site/console.h -- what an application says on its machine's console: that it serves, what it
 * has acknowledged to its clients, what it found after it was started.
 *
 * For machines that have none of our agents in them (seam/topology.h, TsImageSpec): the patterns
 * are the user's, Perl-like regular expressions, looked for in every line.  The console's bytes are
 * whatever the guest writes; a line ends with LF or CR, and what of it is behind its first
 * TS_CONSOLE_LINE_MAX bytes is not looked at.  One owner, no locks, no I/O. */
#pragma once
#include <glib.h>

#define TS_CONSOLE_LINE_MAX 4096

typedef struct { /* NULL: is not looked for */
  const char *ready;
  const char *acked, *survived; /* their first group is a whole number, up to 2^63 - 1 */
} TsConsolePatterns;

/* What has been said so far. */
typedef struct {
  guint64 readies;        /* lines that say ready */
  gint64 acked, survived; /* the last number said; -1: none yet */
} TsConsoleTold;

/* Is this a pattern?  number: it must have a group for it.  TS_ERROR_ARGUMENT with the reason. */
gboolean ts_console_pattern_check (const char *pattern, gboolean number, GError **error);

typedef struct _TsConsole TsConsole;
/* Copies.  TS_ERROR_ARGUMENT: a pattern is none. */
TsConsole *ts_console_new (const TsConsolePatterns *patterns,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_console_free (TsConsole *console); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsConsole, ts_console_free)

/* The next bytes, cut anywhere. */
void ts_console_hear (TsConsole *console, const void *data, gsize len_bytes);
const TsConsoleTold *ts_console_told (const TsConsole *console);
