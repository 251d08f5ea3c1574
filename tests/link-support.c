#include "link-support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/random.h"
#include "lab/link/certificate.h"

char *link_folder, *link_other_folder;

guint
link_count_entries (const char *path)
{
  guint count = 0;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  while (g_dir_read_name (dir))
    count++;
  return count;
}

static void
maybe_free (LinkEnd *end, guint event)
{
  if (end->free_in != event)
    return;
  ts_lab_link_free (end->link);
  end->link = NULL;
}

static void
on_connected (TsLabLink *link, const char *peer, gpointer user)
{
  LinkEnd *end = user;
  assert_string_equal (ts_lab_link_peer (link), peer);
  end->connected++;
  end->peer = g_strdup (peer);
  maybe_free (end, FREE_CONNECTED);
}

static void
on_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  LinkEnd *end = user;
  assert_int_equal (end->lost, 0);
  assert_int_equal (frame->sequence, ++end->last_sequence);
  end->frames++;
  end->bytes += frame->payload ? g_bytes_get_size (frame->payload) : 0;
  if (end->keep) {
    g_ptr_array_add (end->got, g_memdup2 (frame, sizeof *frame));
    frame->payload = NULL; /* taken */
  }
  maybe_free (end, FREE_FRAME);
}

static void
on_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  LinkEnd *end = user;
  assert_non_null (reason);
  end->lost++;
  end->reason = g_error_copy (reason);
  maybe_free (end, FREE_LOST);
}

const TsLabLinkEvents link_end_events = {on_connected, on_frame, on_lost};

static void
on_accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  LinkPair *w = user;
  w->accepted++;
  if (w->refuse_accepted || w->server.link) {
    ts_lab_link_free (link);
  } else {
    w->server.link = link;
    g_free (w->server.peer);
    w->server.peer = g_strdup (peer);
    ts_lab_link_set_events (link, &link_end_events, &w->server);
  }
  if (w->free_listener_in_events)
    g_clear_pointer (&w->listener, ts_lab_listener_free);
}

static void
on_turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  LinkPair *w = user;
  w->turned_away++;
  g_clear_error (&w->turned_away_reason);
  w->turned_away_reason = g_error_copy (reason);
  if (w->free_listener_in_events)
    g_clear_pointer (&w->listener, ts_lab_listener_free);
}

const TsLabListenerEvents link_listener_events = {on_accepted, on_turned_away};

static void
kept_free (gpointer frame)
{
  ts_frame_clear (frame);
  g_free (frame);
}

TsLabCredentials
link_credentials_of (const char *in, const char *name)
{
  return (TsLabCredentials){.ca = g_strdup_printf ("%s/ca.pem", in),
                            .certificate = g_strdup_printf ("%s/%s.pem", in, name),
                            .key = g_strdup_printf ("%s/%s.key", in, name),
                            .crl = g_strdup_printf ("%s/ca.crl", link_folder)};
}

void
link_credentials_clear (TsLabCredentials *credentials)
{
  g_free (credentials->ca);
  g_free (credentials->certificate);
  g_free (credentials->key);
  g_free (credentials->crl);
}

void
link_listen_as (LinkPair *w, const char *in, const char *name, gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;
  TsLabCredentials credentials = link_credentials_of (in, name);
  w->listener = ts_lab_listener_new ("127.0.0.1", 0, &credentials, timeout_us,
                                     &link_listener_events, w, &error);
  link_credentials_clear (&credentials);
  if (!w->listener)
    fail_msg ("%s", error->message);
}

void
link_connect_to (LinkPair *w, guint16 port, const char *in, const char *name, const char *expected,
                 gint64 timeout_us)
{
  TsLabCredentials credentials = link_credentials_of (in, name);
  w->client.link = ts_lab_link_connect ("127.0.0.1", port, expected, &credentials, timeout_us,
                                        &link_end_events, &w->client);
  link_credentials_clear (&credentials);
}

gboolean
link_on_tick (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main context until the number is reached. */
void
link_await_count (const guint *count, guint wanted, const char *what)
{
  gint64 until_us = g_get_monotonic_time () + LINK_PATIENCE_S * TS_S;
  guint tick = g_timeout_add (5, link_on_tick, NULL);
  while (*count < wanted && g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
  if (*count < wanted)
    fail_msg ("%s: %u of %u in %d s", what, *count, wanted, LINK_PATIENCE_S);
}
void
link_run_for (gint64 us)
{
  gint64 until_us = g_get_monotonic_time () + us;
  guint tick = g_timeout_add (5, link_on_tick, NULL);
  while (g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
}

void
link_assert_reason (const GError *reason, TsErrorCode code, const char *says)
{
  assert_non_null (reason);
  if (!g_error_matches (reason, TS_ERROR, code) || !strstr (reason->message, says))
    fail_msg ("code %d \"%s\" instead of %d \"...%s...\"", reason->code, reason->message, code,
              says);
}

int
link_setup (void **state)
{
  LinkPair *w = g_new0 (LinkPair, 1);
  w->row = *state;
  w->client.got = g_ptr_array_new_with_free_func (kept_free);
  w->server.got = g_ptr_array_new_with_free_func (kept_free);
  w->threads = link_count_entries ("/proc/self/task");
  w->descriptors = link_count_entries ("/proc/self/fd");
  *state = w;
  return 0;
}

static void
end_clear (LinkEnd *end)
{
  ts_lab_link_free (end->link);
  end->link = NULL;
  g_free (end->peer);
  g_clear_error (&end->reason);
  g_ptr_array_unref (end->got);
}

int
link_teardown (void **state)
{
  LinkPair *w = *state;
  gint64 before_us = g_get_monotonic_time ();
  end_clear (&w->client);
  end_clear (&w->server);
  ts_lab_listener_free (w->listener);
  gint64 took_us = g_get_monotonic_time () - before_us;
  g_clear_error (&w->turned_away_reason);
  while (g_main_context_iteration (NULL, FALSE)) /* what is left must be harmless */
    ;
  guint threads = link_count_entries ("/proc/self/task");
  for (int i = 0; threads != w->threads && i < 100; i++) { /* a joined thread's entry may linger */
    g_usleep (10000);
    threads = link_count_entries ("/proc/self/task");
  }
  guint descriptors = link_count_entries ("/proc/self/fd");
  gboolean clean = threads == w->threads && descriptors == w->descriptors && took_us < 5 * TS_S;
  if (!clean)
    print_error ("left behind: %u threads (%u before), %u descriptors (%u before); closing took "
                 "%" G_GINT64_FORMAT " us\n",
                 threads, w->threads, descriptors, w->descriptors, took_us);
  g_free (w);
  return clean ? 0 : -1;
}

void
link_connect_both (LinkPair *w)
{
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  link_connect_to (w, ts_lab_listener_port (w->listener), link_folder, "hv-paris", "hv-lyon",
                   5 * TS_S);
  AWAIT (w->client.connected, 1);
  AWAIT (w->accepted, 1);
}

GBytes *
link_noise (gsize len_bytes, guint64 seed)
{
  TsRandom random;
  ts_random_init (&random, seed, "noise");
  guint8 *data = g_malloc (len_bytes + 8);
  for (gsize i = 0; i < len_bytes; i += 8) {
    guint64 word = ts_random_u64 (&random);
    memcpy (data + i, &word, 8);
  }
  return g_bytes_new_take (data, len_bytes);
}

static const gsize sizes_bytes[] = {0, 1, 16319, 16320, 16321, 65536, TS_FRAME_PAYLOAD_MAX};

GBytes *
link_nth_payload (guint n)
{
  gsize size_bytes = sizes_bytes[n % G_N_ELEMENTS (sizes_bytes)];
  if (size_bytes == 0)
    return NULL;
  if (n % 3 == 0)
    return link_noise (size_bytes, n);
  guint8 *data = g_malloc (size_bytes);
  memset (data, n % 3 == 1 ? 0 : (int)n, size_bytes); /* zeros, or what compresses */
  return g_bytes_new_take (data, size_bytes);
}

void
link_send_nth (TsLabLink *link, guint n)
{
  g_autoptr (GBytes) payload = link_nth_payload (n);
  TsFrame frame = {.kind = TS_FRAME_LOG, .set = n, .sequence = 99, .payload = payload};
  ts_lab_link_send (link, &frame, n % 2 == 0);
}

void
link_assert_quick_free (LinkPair *w)
{
  gint64 start_us = g_get_monotonic_time ();
  ts_lab_link_free (w->client.link);
  w->client.link = NULL;
  gint64 took_us = g_get_monotonic_time () - start_us;
  assert_true (took_us < 2 * TS_S);
  guint lost = w->client.lost;
  link_run_for (30 * TS_MS);
  assert_int_equal (w->client.lost, lost); /* and nothing is heard after it */
}

int
link_make_certificates (void **state)
{
  static const struct {
    const char *name;
    TsLabCertificateKind kind;
  } hosts[] = {
      {"hv-paris", TS_LAB_CERTIFICATE_GOOD},
      {"hv-lyon", TS_LAB_CERTIFICATE_GOOD},
      {"expired", TS_LAB_CERTIFICATE_EXPIRED},
      {"not-yet", TS_LAB_CERTIFICATE_NOT_YET},
      {"client-only", TS_LAB_CERTIFICATE_CLIENT_ONLY},
      {"server-only", TS_LAB_CERTIFICATE_SERVER_ONLY},
      {"any-use", TS_LAB_CERTIFICATE_ANY_USE},
      {"nameless", TS_LAB_CERTIFICATE_NAMELESS},
      {"revoked", TS_LAB_CERTIFICATE_GOOD},
      {"revoked-too", TS_LAB_CERTIFICATE_GOOD},
  };
  while (g_main_context_iteration (NULL, FALSE)) /* it makes descriptors of its own, once */
    ;
  link_folder = g_dir_make_tmp ("ts-link-XXXXXX", NULL);
  link_other_folder = g_dir_make_tmp ("ts-link-XXXXXX", NULL);
  if (!link_folder || !link_other_folder || !ts_lab_certificate_authority (link_folder, NULL) ||
      !ts_lab_certificate_authority (link_other_folder, NULL))
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    if (!ts_lab_certificate_issue_kind (link_folder, hosts[i].name, hosts[i].kind, NULL) ||
        !ts_lab_certificate_issue_kind (link_other_folder, hosts[i].name, hosts[i].kind, NULL))
      return -1;
  /* one after the other: the second must not forget the first */
  return ts_lab_certificate_revoke (link_folder, "revoked", NULL) &&
                 ts_lab_certificate_revoke (link_folder, "revoked-too", NULL)
             ? 0
             : -1;
}

static void
remove_folder (char *path)
{
  if (!path)
    return;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    g_unlink (file);
  }
  g_rmdir (path);
  g_free (path);
}

int
link_remove_certificates (void **state)
{
  remove_folder (link_folder);
  remove_folder (link_other_folder);
  return 0;
}
