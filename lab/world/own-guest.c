/* lab/world/own-guest.c -- see own-guest.h. */
#include "lab/world/own-guest.h"
#include <fcntl.h>
#include <unistd.h>
#include "core/base/units.h"
#include "core/site/console.h"

#define LOOK_US (100 * TS_MS)
#define READ_BYTES 65536
#define READS_MAX 64 /* at a look: who writes faster than 40 MB/s is heard later */

struct _TsLabOwnGuest {
  TsLabGuest *guest;
  const TsImageSpec *image;
  TsConsole *console;
  TsLabTimer *timer;
  char *path;
  int fd; /* -1: the file is not there yet */
  guint64 at_bytes;
  TsConsoleTold told; /* what has been told of it */
  gint64 ready_us;    /* when it said so last; -1: never */
  gboolean up, off;
};

static void
tell_counter (TsLabOwnGuest *own, const char *counter, gint64 value)
{
  TsRecord *record = ts_lab_guest_record (own->guest, "counter");
  ts_record_text (record, "counter", counter);
  ts_lab_world_report (own->guest->world, ts_record_int (record, "value", value));
}

/* What has come since the last look. */
static void
tell (TsLabOwnGuest *own)
{
  const TsConsoleTold *now = ts_console_told (own->console);
  if (now->survived != own->told.survived)
    tell_counter (own, "survived", now->survived);
  if (now->acked != own->told.acked)
    tell_counter (own, "acked", now->acked);
  gboolean ready = now->readies != own->told.readies;
  own->told = *now;
  if (!ready || own->guest->asker) /* it is asked itself */
    return;
  own->ready_us = ts_lab_world_now_us (own->guest->world);
  if (!own->up) {
    own->up = TRUE;
    ts_lab_guest_answers (own->guest, TRUE);
  }
}

guint64
ts_lab_own_guest_read (TsLabOwnGuest *own)
{
  g_autofree char *bytes = g_malloc (READ_BYTES);
  if (own->fd < 0)
    own->fd = open (own->path, O_RDONLY | O_CLOEXEC);
  for (guint i = 0; own->fd >= 0 && i < READS_MAX; i++) {
    gssize got = pread (own->fd, bytes, READ_BYTES, (off_t)own->at_bytes);
    if (got <= 0)
      break;
    ts_console_hear (own->console, bytes, (gsize)got);
    own->at_bytes += (guint64)got;
  }
  tell (own);
  return own->at_bytes;
}

static void
look (gpointer user)
{
  TsLabOwnGuest *own = user;
  gint64 now_us = ts_lab_world_now_us (own->guest->world);
  ts_lab_own_guest_read (own);
  gboolean silent =
      own->image->every_us > 0 ? now_us - own->ready_us > own->image->every_us : own->off;
  if (own->up && silent) {
    own->up = FALSE;
    ts_lab_guest_answers (own->guest, FALSE);
  }
  if (!own->off || own->up) /* what was up is still to be found down */
    ts_lab_timer_set (own->timer, now_us + LOOK_US);
}

TsLabOwnGuest *
ts_lab_own_guest_watch (TsLabGuest *guest, const char *path, guint64 from_bytes)
{
  TsLabOwnGuest *own = g_new0 (TsLabOwnGuest, 1);
  g_autoptr (GError) error = NULL;
  own->guest = guest;
  own->image = ts_topology_vm (guest->world->topology, guest->vm)->image;
  const TsConsolePatterns patterns = {own->image->ready, own->image->acked, own->image->survived};
  own->console = ts_console_new (&patterns, &error);
  if (!own->console)
    g_error ("%s", error->message); /* the reader has looked */
  own->told = *ts_console_told (own->console);
  own->path = g_strdup (path);
  own->fd = -1;
  own->at_bytes = from_bytes;
  own->ready_us = -1;
  own->timer = ts_lab_timer_new (&guest->world->clock, look, own);
  ts_lab_timer_set (own->timer, ts_lab_world_now_us (guest->world));
  return own;
}

void
ts_lab_own_guest_off (TsLabOwnGuest *own)
{
  if (own->off)
    return;
  ts_lab_own_guest_read (own);
  own->off = TRUE;
}

void
ts_lab_own_guest_free (TsLabOwnGuest *own)
{
  if (!own)
    return;
  ts_lab_timer_free (own->timer);
  ts_console_free (own->console);
  if (own->fd >= 0)
    close (own->fd);
  g_free (own->path);
  g_free (own);
}
