/* core/site/console.c -- see console.h. */
#include "core/site/console.h"
#include "core/base/error.h"

struct _TsConsole {
  GRegex *ready, *acked, *survived;
  TsConsoleTold told;
  GString *line; /* at most TS_CONSOLE_LINE_MAX of the one that has not ended */
};

/* RAW: bytes, since a console is in no known encoding. */
static GRegex *
compile (const char *pattern, gboolean number, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &reason);
  if (!regex) {
    ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is no regular expression: %s", pattern,
              reason->message);
    return NULL;
  }
  if (number && g_regex_get_capture_count (regex) < 1) {
    ts_throw (error, TS_ERROR_ARGUMENT,
              "'%s' has no group for the number (expected: one, like \"ACK ([0-9]+)\")", pattern);
    return NULL;
  }
  return g_steal_pointer (&regex);
}

gboolean
ts_console_pattern_check (const char *pattern, gboolean number, GError **error)
{
  g_autoptr (GRegex) regex = compile (pattern, number, error);
  return regex != NULL;
}

TsConsole *
ts_console_new (const TsConsolePatterns *patterns, GError **error)
{
  g_autoptr (TsConsole) console = g_new0 (TsConsole, 1);
  console->line = g_string_new (NULL);
  console->told.acked = console->told.survived = -1;
  if ((patterns->ready && !(console->ready = compile (patterns->ready, FALSE, error))) ||
      (patterns->acked && !(console->acked = compile (patterns->acked, TRUE, error))) ||
      (patterns->survived && !(console->survived = compile (patterns->survived, TRUE, error))))
    return NULL;
  return g_steal_pointer (&console);
}

void
ts_console_free (TsConsole *console)
{
  if (!console)
    return;
  g_clear_pointer (&console->ready, g_regex_unref);
  g_clear_pointer (&console->acked, g_regex_unref);
  g_clear_pointer (&console->survived, g_regex_unref);
  g_string_free (console->line, TRUE);
  g_free (console);
}

static void
look_for_number (GRegex *regex, const GString *line, gint64 *number)
{
  g_autoptr (GMatchInfo) match = NULL;
  gint64 value;
  if (!regex || !g_regex_match_full (regex, line->str, (gssize)line->len, 0, 0, &match, NULL))
    return;
  g_autofree char *text = g_match_info_fetch (match, 1);
  if (text && g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, &value, NULL))
    *number = value;
}

static void
end_line (TsConsole *console)
{
  const GString *line = console->line;
  if (console->ready &&
      g_regex_match_full (console->ready, line->str, (gssize)line->len, 0, 0, NULL, NULL))
    console->told.readies++;
  look_for_number (console->acked, line, &console->told.acked);
  look_for_number (console->survived, line, &console->told.survived);
  g_string_truncate (console->line, 0);
}

void
ts_console_hear (TsConsole *console, const void *data, gsize len_bytes)
{
  const char *bytes = data;
  for (gsize i = 0; i < len_bytes; i++)
    if (bytes[i] == '\n' || bytes[i] == '\r') {
      if (console->line->len > 0)
        end_line (console);
    } else if (console->line->len < TS_CONSOLE_LINE_MAX)
      g_string_append_c (console->line, bytes[i]);
}

const TsConsoleTold *
ts_console_told (const TsConsole *console)
{
  return &console->told;
}
