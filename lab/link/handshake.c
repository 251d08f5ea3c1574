#include "lab/link/handshake.h"
#include <stdlib.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/certificate.h"
#include "lab/link/link.h"

#define NAME "measured"
#define PATIENCE_US (10 * TS_S)

typedef struct {
  TsLabLink *near, *far;
  gboolean known; /* by who connects */
  GError *lost;
} Meeting;

static void
on_accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  Meeting *meeting = user;
  meeting->far = link;
}

static void
on_turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  Meeting *meeting = user;
  if (!meeting->lost)
    meeting->lost = g_error_copy (reason);
}

static void
on_connected (TsLabLink *link, const char *peer, gpointer user)
{
  ((Meeting *)user)->known = TRUE;
}

static void
on_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  on_turned_away (NULL, reason, user);
}

static gboolean
wake (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
meet (const TsLabListener *listener, Meeting *meeting, const TsLabCredentials *credentials,
      gint64 *took_us, GError **error)
{
  static const TsLabLinkEvents events = {.connected = on_connected, .lost = on_lost};
  gint64 begun_us = g_get_monotonic_time ();
  meeting->near = ts_lab_link_connect ("127.0.0.1", ts_lab_listener_port (listener), NAME,
                                       credentials, PATIENCE_US, &events, meeting);
  guint ticks = g_timeout_add (100, wake, NULL); /* so that waiting has an end */
  while (!(meeting->known && meeting->far) && !meeting->lost &&
         g_get_monotonic_time () < begun_us + PATIENCE_US)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (ticks);
  *took_us = g_get_monotonic_time () - begun_us;
  gboolean met = meeting->known && meeting->far;
  if (!met)
    ts_throw (error, TS_ERROR_LOST, "a handshake on the loopback interface: %s",
              meeting->lost ? meeting->lost->message : "no end in time");
  g_clear_pointer (&meeting->near, ts_lab_link_free);
  g_clear_pointer (&meeting->far, ts_lab_link_free);
  g_clear_error (&meeting->lost);
  meeting->known = FALSE;
  return met;
}

static int
by_value (const void *a, const void *b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

gboolean
ts_lab_measure_handshake (const char *folder, guint rounds, gint64 *median_us, GError **error)
{
  static const TsLabListenerEvents events = {on_accepted, on_turned_away};
  g_autofree char *ca = g_build_filename (folder, "ca.pem", NULL);
  g_autofree char *certificate = g_build_filename (folder, NAME ".pem", NULL);
  g_autofree char *key = g_build_filename (folder, NAME ".key", NULL);
  TsLabCredentials credentials = {.ca = ca, .certificate = certificate, .key = key};
  Meeting meeting = {.known = FALSE};
  if (!ts_lab_certificate_authority (folder, error) ||
      !ts_lab_certificate_issue (folder, NAME, error))
    return FALSE;
  TsLabListener *listener =
      ts_lab_listener_new ("127.0.0.1", 0, &credentials, PATIENCE_US, &events, &meeting, error);
  if (!listener)
    return FALSE;
  g_autofree gint64 *took_us = g_new0 (gint64, rounds + 1);
  gboolean fine = meet (listener, &meeting, &credentials, &took_us[0], error); /* warms up */
  for (guint i = 0; fine && i < rounds; i++)
    fine = meet (listener, &meeting, &credentials, &took_us[i], error);
  ts_lab_listener_free (listener);
  qsort (took_us, rounds, sizeof *took_us, by_value);
  *median_us = MAX (took_us[rounds / 2], 1);
  return fine;
}
