#include "results/markup.h"
#include <string.h>

char *
ts_markup_clean (const char *text)
{
  char *valid = g_utf8_make_valid (text ? text : "", -1);
  for (char *at = valid; *at; at++)
    if (((guchar)*at < 0x20 && !strchr ("\t\n\r", *at)) || *at == 0x7f)
      *at = '?';
  return valid;
}

/* The format's own characters are ours and hold nothing that cleaning would change, so that the
 * whole may be cleaned: escaping makes "&#x1;" of a control character, hence clean first. */
void
ts_markup_put (GString *xml, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_markup_vprintf_escaped (format, args);
  va_end (args);
  /* what escaping made of characters that XML forbids, even as references */
  for (const char *at = text; *at;) {
    const char *reference = strstr (at, "&#x");
    if (!reference) {
      g_string_append (xml, at);
      return;
    }
    g_string_append_len (xml, at, reference - at);
    char *end;
    guint64 code = g_ascii_strtoull (reference + 3, &end, 16);
    if (*end == ';' && code >= 0x80) /* C1 controls are allowed as references */
      g_string_append_len (xml, reference, end + 1 - reference);
    else
      g_string_append_c (xml, '?');
    at = *end == ';' ? end + 1 : reference + 3;
  }
}
