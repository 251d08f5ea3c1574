#include "scenarios/cli/bar.h"
#include <stdio.h>
#include <unistd.h>
#include "core/base/units.h"

#define CELLS 30
#define REDRAW_US (TS_S / 5)
#define STILL_US (20 * TS_S) /* elsewhere than on a terminal: CI must not believe that it hangs */

struct _TsBar {
  char *what;
  guint total;
  gint64 begun_us, told_us;
  guint told; /* finished, when it was last told */
  gboolean terminal, live;
};

TsBar *
ts_bar_new (const char *what, guint total)
{
  TsBar *bar = g_new0 (TsBar, 1);
  bar->what = g_strdup (what);
  bar->total = total;
  bar->begun_us = bar->told_us = g_get_monotonic_time ();
  bar->terminal = isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  return bar;
}

/* "1:04:10", "2:05", "40 s" */
static char *
time_text (gint64 us)
{
  gint64 s = (us + TS_S - 1) / TS_S;
  if (s < 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " s", s);
  if (s < 3600)
    return g_strdup_printf ("%d:%02d", (int)(s / 60), (int)(s % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT ":%02d:%02d", s / 3600, (int)(s / 60 % 60),
                          (int)(s % 60));
}

void
ts_bar_tell (TsBar *bar, guint finished, guint running)
{
  if (bar == NULL || bar->total == 0)
    return;
  gint64 now_us = g_get_monotonic_time (), gone_us = now_us - bar->begun_us;
  if (now_us - bar->told_us < (bar->terminal ? REDRAW_US : STILL_US) && finished < bar->total)
    return;
  if (!bar->terminal && finished == bar->total && bar->told == bar->total)
    return;
  char drawn[CELLS + 1];
  guint full = (guint)((guint64)finished * CELLS / bar->total);
  for (guint i = 0; i < CELLS; i++)
    drawn[i] = i < full ? '#' : i == full && running > 0 ? '>' : '-';
  drawn[CELLS] = '\0';
  g_autofree char *left =
      finished == 0 ? g_strdup ("?")
                    : time_text ((gint64)((double)gone_us / finished * (bar->total - finished)));
  g_autofree char *gone = time_text (gone_us);
  fprintf (stderr, "%s  [%s] %u of %u %s, %u running, %s gone, %s left%s",
           bar->terminal ? "\r\033[K" : "", drawn, finished, bar->total, bar->what, running, gone,
           left, bar->terminal ? "" : "\n");
  fflush (stderr);
  bar->live = bar->terminal;
  bar->told_us = now_us;
  bar->told = finished;
}

void
ts_bar_free (TsBar *bar)
{
  if (bar == NULL)
    return;
  if (bar->live)
    fputs ("\r\033[K", stderr);
  g_free (bar->what);
  g_free (bar);
}
