#include "scenarios/cli/progress.h"
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "core/base/units.h"

/* Elsewhere than on a terminal, a phase that lasts says so, or CI believes that it hangs. */
#define STILL_US (20 * TS_S)
#define REDRAW_US (TS_S / 10)
#define TICK_US (TS_S / 2)

typedef struct {
  char *name, *text;
  gint64 begun_us; /* of the world */
} Phase;

/* While real machines start or stop, nobody tells anything for a while: a thread of our own keeps
 * the line alive then.  It touches nothing but this, under the lock. */
typedef struct {
  TsProgress progress; /* first: they are one pointer */
  gboolean terminal;
  GMutex lock;
  GCond ended;
  gboolean end;
  GThread *ticker;       /* NULL in virtual time */
  gboolean live_line;    /* one is on the screen */
  gint64 line_us;        /* real time of the last line */
  gint64 t_us, heard_us; /* the world's time when it was last told, and our own then */
  GPtrArray *open;       /* Phase *: begun and not over, oldest first */
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
  teller->line_us = g_get_monotonic_time ();
}

static void
draw_live (Teller *teller, const Phase *phase, gint64 t_us)
{
  g_autofree char *line =
      g_strdup_printf ("  %8.1f s . %-16s %.1f s: %s", (double)t_us / 1e6, phase->name,
                       (double)(t_us - phase->begun_us) / 1e6, phase->text);
  guint width = columns () - 1;
  if (strlen (line) > width)
    line[width] = '\0';
  fprintf (stderr, "\r\033[K%s", line);
  fflush (stderr);
  teller->live_line = TRUE;
  teller->line_us = g_get_monotonic_time ();
}

/* Time goes on; the newest phase that is not over is shown. */
static void
go_on (Teller *teller, gint64 t_us)
{
  gint64 quiet_us = g_get_monotonic_time () - teller->line_us;
  if (teller->open->len == 0 || quiet_us < (teller->terminal ? REDRAW_US : STILL_US))
    return;
  const Phase *phase = teller->open->pdata[teller->open->len - 1];
  if (teller->terminal)
    draw_live (teller, phase, t_us);
  else
    print_line (teller, t_us, ".", phase->name, phase->text);
}

static void
begin_phase (Teller *teller, const char *name, const char *text, gint64 t_us)
{
  Phase *phase = g_new0 (Phase, 1);
  phase->name = g_strdup (name);
  phase->text = g_strdup (text);
  phase->begun_us = t_us;
  g_ptr_array_add (teller->open, phase);
  if (teller->terminal)
    draw_live (teller, phase, t_us);
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
  g_mutex_lock (&teller->lock);
  teller->t_us = t_us;
  teller->heard_us = g_get_monotonic_time ();
  if (phase == TS_PHASE_BEGUN)
    begin_phase (teller, name, text, t_us);
  else if (phase == TS_PHASE_GOES_ON)
    go_on (teller, t_us);
  else
    end_phase (teller, phase, name, text, t_us);
  g_mutex_unlock (&teller->lock);
}

static gpointer
tick (gpointer data)
{
  Teller *teller = data;
  g_mutex_lock (&teller->lock);
  while (!teller->end) {
    gint64 now_us = g_get_monotonic_time ();
    if (!g_cond_wait_until (&teller->ended, &teller->lock, now_us + TICK_US))
      go_on (teller, teller->t_us + (g_get_monotonic_time () - teller->heard_us));
  }
  g_mutex_unlock (&teller->lock);
  return NULL;
}

TsProgress *
ts_progress_new (gboolean virtual_time)
{
  Teller *teller = g_new0 (Teller, 1);
  g_mutex_init (&teller->lock);
  g_cond_init (&teller->ended);
  teller->progress.tell = on_tell;
  teller->terminal = isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  teller->line_us = teller->heard_us = g_get_monotonic_time ();
  teller->open = g_ptr_array_new_with_free_func (phase_free);
  if (!virtual_time)
    teller->ticker = g_thread_new ("progress", tick, teller);
  return &teller->progress;
}

void
ts_progress_free (TsProgress *progress)
{
  Teller *teller = (Teller *)progress;
  if (teller == NULL)
    return;
  if (teller->ticker != NULL) {
    g_mutex_lock (&teller->lock);
    teller->end = TRUE;
    g_cond_signal (&teller->ended);
    g_mutex_unlock (&teller->lock);
    g_thread_join (teller->ticker);
  }
  clear_live (teller);
  g_ptr_array_unref (teller->open);
  g_mutex_clear (&teller->lock);
  g_cond_clear (&teller->ended);
  g_free (teller);
}
