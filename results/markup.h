/* results/markup.h -- text that came from a run, made safe for XML and XHTML.  Private to results/.
 */
#pragma once
#include <glib.h>

/* Valid UTF-8; characters that XML 1.0 cannot hold at all become '?'.  NULL is "".  Caller frees.
 */
char *ts_markup_clean (const char *text);
/* Appends format with its texts cleaned and escaped (also for attributes in double quotes). */
void ts_markup_put (GString *xml, const char *format, ...) G_GNUC_PRINTF (2, 3);
