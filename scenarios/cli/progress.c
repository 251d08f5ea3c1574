#include "scenarios/cli/progress.h"
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "core/base/units.h"

/* Elsewhere than on a terminal, a phase that lasts says so, or CI believes that it hangs. */
#define STILL_US (20 * TS_S)
#define REDRAW_US (TS_S / 10)

typedef struct {
  char *name, *text;
  gint64 begun_us; /* of the world */
} Phase;

typedef struct {
  TsProgress progress; /* first: they are one pointer */
  gboolean terminal, virtual_time, live_line;
  gint64 told_us;  /* real time of the last line */
  GPtrArray *open; /* Phase *: begun and not over, oldest first */
} Teller;

static void
phase_free (gpointer data)
{
  Phase *phase = data;
  g_free (phase->name);
  g_free (phase->text);
  g_free (phase);
}

static guint
columns (void)
{
  struct winsize size;
  return ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void
clear_live (Teller *teller)
{
  if (teller->live_line)
    fputs ("\r\033[K", stderr);
  teller->live_line = FALSE;
}

static void
print_line (Teller *teller, gint64 t_us, const char *mark, const char *name, const char *text)
{
  clear_live (teller);
  fprintf (stderr, "  %8.1f s %s %-16s %s\n", (double)t_us / 1e6, mark, name, text);
  fflush (stderr);
  teller->told_us = g_get_monotonic_time ();
}

static void
draw_live (Teller *teller, gint64 t_us)
{
  gint64 now_us = g_get_monotonic_time ();
  if (teller->open->len == 0 || now_us - teller->told_us < REDRAW_US)
    return;
  const Phase *phase = teller->open->pdata[teller->open->len - 1];
  g_autofree char *line =
      g_strdup_printf ("  %8.1f s . %-16s %s (%.1f s)", (double)t_us / 1e6, phase->name,
                       phase->text, (double)(t_us - phase->begun_us) / 1e6);
  guint width = columns () - 1;
  if (strlen (line) > width)
    line[width] = '\0';
  fprintf (stderr, "\r\033[K%s", line);
  fflush (stderr);
  teller->live_line = TRUE;
  teller->told_us = now_us;
}

static void
tell_still (Teller *teller, gint64 t_us)
{
  if (teller->open->len == 0 || g_get_monotonic_time () - teller->told_us < STILL_US)
    return;
  const Phase *phase = teller->open->pdata[teller->open->len - 1];
  print_line (teller, t_us, ".", phase->name, phase->text);
}

/* Takes the phase of that name out of those that are open; NULL when it is none of them. */
static Phase *
take_open (Teller *teller, const char *name)
{
  for (guint i = 0; i < teller->open->len; i++)
    if (g_str_equal (((Phase *)teller->open->pdata[i])->name, name))
      return g_ptr_array_steal_index (teller->open, i);
  return NULL;
}

static void
end_phase (Teller *teller, TsPhase how, const char *name, const char *why, gint64 t_us)
{
  Phase *phase = take_open (teller, name);
  g_autofree char *text = NULL;
  if (how == TS_PHASE_FAILED)
    text = g_strdup_printf ("FAILED: %s", why);
  else if (phase != NULL && t_us - phase->begun_us >= TS_S / 10)
    text = g_strdup_printf ("%s (%.1f s)", phase->text, (double)(t_us - phase->begun_us) / 1e6);
  else
    text = g_strdup (phase != NULL ? phase->text : "");
  print_line (teller, t_us, how == TS_PHASE_FAILED ? "!" : "+", name, text);
  if (phase != NULL)
    phase_free (phase);
}

static void
on_tell (TsProgress *progress, TsPhase phase, const char *name, const char *text, gint64 t_us)
{
  Teller *teller = (Teller *)progress;
  if (phase == TS_PHASE_BEGUN) {
    Phase *begun = g_new0 (Phase, 1);
    begun->name = g_strdup (name);
    begun->text = g_strdup (text);
    begun->begun_us = t_us;
    g_ptr_array_add (teller->open, begun);
    if (teller->terminal) {
      teller->told_us = 0; /* at once */
      draw_live (teller, t_us);
    }
  } else if (phase == TS_PHASE_GOES_ON)
    (teller->terminal ? draw_live : tell_still) (teller, t_us);
  else
    end_phase (teller, phase, name, text, t_us);
}

TsProgress *
ts_progress_new (gboolean virtual_time)
{
  Teller *teller = g_new0 (Teller, 1);
  teller->progress.tell = on_tell;
  teller->terminal = isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  teller->virtual_time = virtual_time;
  teller->told_us = g_get_monotonic_time ();
  teller->open = g_ptr_array_new_with_free_func (phase_free);
  return &teller->progress;
}

void
ts_progress_free (TsProgress *progress)
{
  Teller *teller = (Teller *)progress;
  if (teller == NULL)
    return;
  clear_live (teller);
  g_ptr_array_unref (teller->open);
  g_free (teller);
}
