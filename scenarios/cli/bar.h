/* scenarios/cli/bar.h -- how far many runs are, and how long they will take: one live line on a
 * terminal, a line now and then elsewhere.  On stderr. */
#pragma once
#include <glib.h>

typedef struct _TsBar TsBar;
/* what: "runs"; total: how many there are to do.  Free with ts_bar_free. */
TsBar *ts_bar_new (const char *what, guint total) G_GNUC_WARN_UNUSED_RESULT;
void ts_bar_tell (TsBar *bar, guint finished, guint running); /* NULL is fine */
void ts_bar_free (TsBar *bar);                                /* ends the line; NULL is fine */
