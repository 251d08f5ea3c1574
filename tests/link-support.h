/* tests/link-support.h -- two ends of a link over loopback, as seen by the main context, and the
 * certificates they show.
 *
 * Each test starts and ends with the same number of threads and descriptors; every wait is bounded.
 */
#pragma once
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/link.h"

enum {
  LINK_PATIENCE_S = 20
}; /* for a noisy machine; nothing here takes that long when it is right */

extern char *link_folder;       /* the authority's, with all hosts */
extern char *link_other_folder; /* another authority's */

typedef struct {
  TsLabLink *link;
  guint connected, frames, lost;
  char *peer;
  GError *reason;
  guint64 bytes;
  GPtrArray *got; /* TsFrame, when keep */
  gboolean keep;
  guint64 last_sequence;
  enum { FREE_NEVER, FREE_CONNECTED, FREE_FRAME, FREE_LOST } free_in;
} LinkEnd;

typedef struct {
  TsLabListener *listener;
  LinkEnd client, server;
  guint accepted, turned_away;
  GError *turned_away_reason; /* the last */
  gboolean refuse_accepted;   /* frees the link in accepted */
  gboolean free_listener_in_events;
  guint threads, descriptors; /* before */
  const void *row;
} LinkPair;

extern const TsLabLinkEvents link_end_events;          /* user: a LinkEnd */
extern const TsLabListenerEvents link_listener_events; /* user: a LinkPair */

/* cmocka's: *state becomes a LinkPair, whose row is what it was.  The teardown fails when a thread
 * or a descriptor is left. */
int link_setup (void **state);
int link_teardown (void **state);
/* For the group: makes both authorities and a certificate of every kind; removes them. */
int link_make_certificates (void **state);
int link_remove_certificates (void **state);

TsLabCredentials link_credentials_of (const char *in, const char *name);
void link_credentials_clear (TsLabCredentials *credentials);
void link_listen_as (LinkPair *w, const char *in, const char *name, gint64 timeout_us);
void link_connect_to (LinkPair *w, guint16 port, const char *in, const char *name,
                      const char *expected, gint64 timeout_us);
void link_connect_both (LinkPair *w);
/* Runs the main context until the number is reached. */
void link_await_count (const guint *count, guint wanted, const char *what);
#define AWAIT(count, wanted) link_await_count (&(count), wanted, #count)
void link_run_for (gint64 us);
void link_assert_reason (const GError *reason, TsErrorCode code, const char *says);
void link_assert_quick_free (LinkPair *w); /* of the client, and nothing is heard after it */
gboolean link_on_tick (gpointer user);     /* a source that only wakes the main context */
/* The nth of payloads of every awkward size; NULL: none. */
GBytes *link_nth_payload (guint n);
void link_send_nth (TsLabLink *link, guint n);
GBytes *link_noise (gsize len_bytes, guint64 seed);
guint link_count_entries (const char *path);
