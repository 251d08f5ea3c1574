/* Links over loopback: what arrives, what is refused and why, and that nothing ever hangs or stays.
 *
 * Each test starts and ends with the same number of threads and descriptors; every wait is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/units.h"
#include "lab/link/certificate.h"
#include "lab/link/handshake.h"
#include "lab/site/layout.h"
#include "lab/link/link.h"

enum { PATIENCE_S = 20 }; /* for a noisy machine; nothing here takes that long when it is right */

static char *folder;       /* the authority's, with all hosts */
static char *other_folder; /* another authority's */

/* --- both ends as seen by the main context -------------------------------------------------------
 */

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
} End;

typedef struct {
  TsLabListener *listener;
  End client, server;
  guint accepted, turned_away;
  GError *turned_away_reason; /* the last */
  gboolean refuse_accepted;   /* frees the link in accepted */
  gboolean free_listener_in_events;
  guint threads, descriptors; /* before */
  const void *row;
} World;

static guint
count_entries (const char *path)
{
  guint count = 0;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  while (g_dir_read_name (dir))
    count++;
  return count;
}

static void
maybe_free (End *end, guint event)
{
  if (end->free_in != event)
    return;
  ts_lab_link_free (end->link);
  end->link = NULL;
}

static void
on_connected (TsLabLink *link, const char *peer, gpointer user)
{
  End *end = user;
  assert_string_equal (ts_lab_link_peer (link), peer);
  end->connected++;
  end->peer = g_strdup (peer);
  maybe_free (end, FREE_CONNECTED);
}

static void
on_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  End *end = user;
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
  End *end = user;
  assert_non_null (reason);
  end->lost++;
  end->reason = g_error_copy (reason);
  maybe_free (end, FREE_LOST);
}

static const TsLabLinkEvents end_events = {on_connected, on_frame, on_lost};

static void
on_accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  World *w = user;
  w->accepted++;
  if (w->refuse_accepted || w->server.link) {
    ts_lab_link_free (link);
  } else {
    w->server.link = link;
    g_free (w->server.peer);
    w->server.peer = g_strdup (peer);
    ts_lab_link_set_events (link, &end_events, &w->server);
  }
  if (w->free_listener_in_events)
    g_clear_pointer (&w->listener, ts_lab_listener_free);
}

static void
on_turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  World *w = user;
  w->turned_away++;
  g_clear_error (&w->turned_away_reason);
  w->turned_away_reason = g_error_copy (reason);
  if (w->free_listener_in_events)
    g_clear_pointer (&w->listener, ts_lab_listener_free);
}

static const TsLabListenerEvents listener_events = {on_accepted, on_turned_away};

static void
kept_free (gpointer frame)
{
  ts_frame_clear (frame);
  g_free (frame);
}

static TsLabCredentials
credentials_of (const char *in, const char *name)
{
  return (TsLabCredentials){.ca = g_strdup_printf ("%s/ca.pem", in),
                            .certificate = g_strdup_printf ("%s/%s.pem", in, name),
                            .key = g_strdup_printf ("%s/%s.key", in, name),
                            .crl = g_strdup_printf ("%s/ca.crl", folder)};
}

static void
credentials_clear (TsLabCredentials *credentials)
{
  g_free (credentials->ca);
  g_free (credentials->certificate);
  g_free (credentials->key);
  g_free (credentials->crl);
}

static void
listen_as (World *w, const char *in, const char *name, gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;
  TsLabCredentials credentials = credentials_of (in, name);
  w->listener =
      ts_lab_listener_new ("127.0.0.1", 0, &credentials, timeout_us, &listener_events, w, &error);
  credentials_clear (&credentials);
  if (!w->listener)
    fail_msg ("%s", error->message);
}

static void
connect_to (World *w, guint16 port, const char *in, const char *name, const char *expected,
            gint64 timeout_us)
{
  TsLabCredentials credentials = credentials_of (in, name);
  w->client.link = ts_lab_link_connect ("127.0.0.1", port, expected, &credentials, timeout_us,
                                        &end_events, &w->client);
  credentials_clear (&credentials);
}

static gboolean
on_tick (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main context until the number is reached. */
static void
await_count (const guint *count, guint wanted, const char *what)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * TS_S;
  guint tick = g_timeout_add (5, on_tick, NULL);
  while (*count < wanted && g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
  if (*count < wanted)
    fail_msg ("%s: %u of %u in %d s", what, *count, wanted, PATIENCE_S);
}
#define AWAIT(count, wanted) await_count (&(count), wanted, #count)

static void
run_for (gint64 us)
{
  gint64 until_us = g_get_monotonic_time () + us;
  guint tick = g_timeout_add (5, on_tick, NULL);
  while (g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
}

static void
assert_reason (const GError *reason, TsErrorCode code, const char *says)
{
  assert_non_null (reason);
  if (!g_error_matches (reason, TS_ERROR, code) || !strstr (reason->message, says))
    fail_msg ("code %d \"%s\" instead of %d \"...%s...\"", reason->code, reason->message, code,
              says);
}

static int
setup (void **state)
{
  World *w = g_new0 (World, 1);
  w->row = *state;
  w->client.got = g_ptr_array_new_with_free_func (kept_free);
  w->server.got = g_ptr_array_new_with_free_func (kept_free);
  w->threads = count_entries ("/proc/self/task");
  w->descriptors = count_entries ("/proc/self/fd");
  *state = w;
  return 0;
}

static void
end_clear (End *end)
{
  ts_lab_link_free (end->link);
  end->link = NULL;
  g_free (end->peer);
  g_clear_error (&end->reason);
  g_ptr_array_unref (end->got);
}

static int
teardown (void **state)
{
  World *w = *state;
  gint64 before_us = g_get_monotonic_time ();
  end_clear (&w->client);
  end_clear (&w->server);
  ts_lab_listener_free (w->listener);
  gint64 took_us = g_get_monotonic_time () - before_us;
  g_clear_error (&w->turned_away_reason);
  while (g_main_context_iteration (NULL, FALSE)) /* what is left must be harmless */
    ;
  guint threads = count_entries ("/proc/self/task");
  for (int i = 0; threads != w->threads && i < 100; i++) { /* a joined thread's entry may linger */
    g_usleep (10000);
    threads = count_entries ("/proc/self/task");
  }
  guint descriptors = count_entries ("/proc/self/fd");
  gboolean clean = threads == w->threads && descriptors == w->descriptors && took_us < 5 * TS_S;
  if (!clean)
    print_error ("left behind: %u threads (%u before), %u descriptors (%u before); closing took "
                 "%" G_GINT64_FORMAT " us\n",
                 threads, w->threads, descriptors, w->descriptors, took_us);
  g_free (w);
  return clean ? 0 : -1;
}

static void
connect_both (World *w)
{
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  connect_to (w, ts_lab_listener_port (w->listener), folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.connected, 1);
  AWAIT (w->accepted, 1);
}

static GBytes *
noise (gsize len_bytes, guint64 seed)
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

/* --- what arrives
 * --------------------------------------------------------------------------------- */

static const gsize sizes_bytes[] = {0, 1, 16319, 16320, 16321, 65536, TS_FRAME_PAYLOAD_MAX};
enum { ROUNDS = 6 };

static GBytes *
nth_payload (guint n)
{
  gsize size_bytes = sizes_bytes[n % G_N_ELEMENTS (sizes_bytes)];
  if (size_bytes == 0)
    return NULL;
  if (n % 3 == 0)
    return noise (size_bytes, n);
  guint8 *data = g_malloc (size_bytes);
  memset (data, n % 3 == 1 ? 0 : (int)n, size_bytes); /* zeros, or what compresses */
  return g_bytes_new_take (data, size_bytes);
}

static void
send_nth (TsLabLink *link, guint n)
{
  g_autoptr (GBytes) payload = nth_payload (n);
  TsFrame frame = {.kind = TS_FRAME_LOG, .set = n, .sequence = 99, .payload = payload};
  ts_lab_link_send (link, &frame, n % 2 == 0);
}

static void
assert_all_got (const End *end, guint count)
{
  assert_int_equal (end->got->len, count);
  for (guint n = 0; n < count; n++) {
    const TsFrame *frame = g_ptr_array_index (end->got, n);
    g_autoptr (GBytes) want = nth_payload (n);
    assert_int_equal (frame->set, n);
    assert_int_equal (frame->payload == NULL, want == NULL);
    if (want)
      assert_true (g_bytes_equal (frame->payload, want));
  }
}

static void
frames_both_ways_in_order (void **state)
{
  World *w = *state;
  enum { COUNT = ROUNDS * G_N_ELEMENTS (sizes_bytes) };
  connect_both (w);
  assert_string_equal (w->client.peer, "hv-lyon");
  assert_string_equal (w->server.peer, "hv-paris");
  w->client.keep = w->server.keep = TRUE;
  for (guint n = 0; n < COUNT; n++) {
    send_nth (w->client.link, n);
    send_nth (w->server.link, n);
  }
  AWAIT (w->client.frames, COUNT);
  AWAIT (w->server.frames, COUNT);
  assert_all_got (&w->client, COUNT);
  assert_all_got (&w->server, COUNT);
  run_for (20 * TS_MS); /* the writers count after they wrote */
  assert_int_equal (ts_lab_link_waiting_bytes (w->client.link), 0);
  assert_int_equal (ts_lab_link_wire_bytes_sent (w->client.link),
                    ts_lab_link_wire_bytes_sent (w->server.link));
  assert_true (ts_lab_link_wire_bytes_sent (w->client.link) > COUNT * TS_FRAME_HEADER_BYTES);
  assert_true (ts_lab_link_wire_bytes_sent (w->client.link) < w->server.bytes);
}

static void
sent_before_connected (void **state)
{
  World *w = *state;
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  connect_to (w, ts_lab_listener_port (w->listener), folder, "hv-paris", "HV-Lyon", 5 * TS_S);
  assert_null (ts_lab_link_peer (w->client.link));
  w->server.keep = TRUE;
  for (guint n = 0; n < 5; n++)
    send_nth (w->client.link, n);
  AWAIT (w->server.frames, 5);
  assert_all_got (&w->server, 5);
}

static void
throughput (World *w, const char *what, GBytes *payload, gboolean compress, guint count)
{
  TsFrame frame = {.kind = TS_FRAME_COPY, .payload = payload};
  w->server.frames = 0;
  gint64 start_us = g_get_monotonic_time ();
  for (guint n = 0; n < count; n++)
    ts_lab_link_send (w->client.link, &frame, compress);
  AWAIT (w->server.frames, count);
  gint64 took_us = g_get_monotonic_time () - start_us;
  print_message ("%s: %.0f MiB/s\n", what,
                 (double)g_bytes_get_size (payload) * count / (1 << 20) / ((double)took_us / 1e6));
}

static void
how_fast (void **state)
{
  World *w = *state;
  connect_both (w);
  g_autoptr (GBytes) plain = noise (TS_FRAME_PAYLOAD_MAX, 1);
  throughput (w, "1 MiB frames, plain", plain, FALSE, 256);
  guint8 *half = g_memdup2 (g_bytes_get_data (plain, NULL), TS_FRAME_PAYLOAD_MAX);
  for (gsize i = 0; i < TS_FRAME_PAYLOAD_MAX; i += 512)
    memset (half + i, 'x', 256);
  g_autoptr (GBytes) compressible = g_bytes_new_take (half, TS_FRAME_PAYLOAD_MAX);
  throughput (w, "1 MiB frames, zstd 2:1", compressible, TRUE, 64);
  g_autoptr (GBytes) small = noise (4096, 2);
  throughput (w, "4 KiB frames, plain", small, FALSE, 4096);
}

/* --- certificates
 * --------------------------------------------------------------------------------- */

static const struct row {
  const char *name;
  const char *server, *client; /* certificates; "other/" before: of the other authority */
  const char *expected;        /* by the client */
  gboolean client_refuses;     /* else the server does */
  const char *says;            /* the one that refuses */
  const char *other_says;      /* the one that is refused */
} rows[] = {
    {"an expired server", "expired", "hv-paris", "expired", TRUE, "expired): expired", "expired"},
    {"an expired client", "hv-lyon", "expired", "hv-lyon", FALSE, "expired): expired", "expired"},
    {"a server not valid yet", "not-yet", "hv-paris", "not-yet", TRUE, "not valid yet", ""},
    {"a client not valid yet", "hv-lyon", "not-yet", "hv-lyon", FALSE, "not valid yet", ""},
    {"a server of another authority", "other/hv-lyon", "hv-paris", "hv-lyon", TRUE,
     "signed by an unknown authority", "CA is unknown"},
    {"a client of another authority", "hv-lyon", "other/hv-paris", "hv-lyon", FALSE,
     "signed by an unknown authority", "CA is unknown"},
    {"a server of another name", "hv-lyon", "hv-paris", "hv-nice", TRUE,
     "name is hv-lyon, expected hv-nice", ""},
    {"a server's certificate that is for clients", "client-only", "hv-paris", "client-only", TRUE,
     "not for server use", ""},
    {"a client's certificate that is for servers", "hv-lyon", "server-only", "hv-lyon", FALSE,
     "not for client use", ""},
    {"a server's certificate for no stated use", "any-use", "hv-paris", "any-use", TRUE,
     "not for server use", ""},
    {"a client's certificate for no stated use", "hv-lyon", "any-use", "hv-lyon", FALSE,
     "not for client use", ""},
    {"a server with a subject but no DNS name", "nameless", "hv-paris", "nameless", TRUE,
     "it names no host", ""},
    {"a client with a subject but no DNS name", "hv-lyon", "nameless", "hv-lyon", FALSE,
     "it names no host", ""},
    {"a revoked server", "revoked", "hv-paris", "revoked", TRUE, "revoked): revoked", "revoked"},
    {"a revoked client", "hv-lyon", "revoked", "hv-lyon", FALSE, "revoked): revoked", "revoked"},
    {"a client revoked later", "hv-lyon", "revoked-too", "hv-lyon", FALSE, "revoked", "revoked"},
};

static const char *
split (const char *certificate, const char **in)
{
  gboolean other = g_str_has_prefix (certificate, "other/");
  *in = other ? other_folder : folder;
  return certificate + (other ? strlen ("other/") : 0);
}

/* The credentials' authority is always the first one, so that only the one certificate is wrong. */
static void
certificate_refused (void **state)
{
  World *w = *state;
  const struct row *row = w->row;
  const char *in;
  const char *name = split (row->server, &in);
  TsLabCredentials server = credentials_of (in, name);
  g_free (server.ca);
  server.ca = g_strdup_printf ("%s/ca.pem", folder);
  w->listener = ts_lab_listener_new ("127.0.0.1", 0, &server, 5 * TS_S, &listener_events, w, NULL);
  credentials_clear (&server);
  assert_non_null (w->listener);
  name = split (row->client, &in);
  TsLabCredentials client = credentials_of (in, name);
  g_free (client.ca);
  client.ca = g_strdup_printf ("%s/ca.pem", folder);
  w->client.link = ts_lab_link_connect ("127.0.0.1", ts_lab_listener_port (w->listener),
                                        row->expected, &client, 5 * TS_S, &end_events, &w->client);
  credentials_clear (&client);
  send_nth (w->client.link, 6); /* must not be heard, whatever the order */

  AWAIT (w->client.lost, 1);
  AWAIT (w->turned_away, 1);
  run_for (20 * TS_MS);
  assert_int_equal (w->accepted, 0);
  assert_int_equal (w->server.frames, 0);
  assert_int_equal (w->client.lost, 1);
  if (row->client_refuses)
    assert_int_equal (w->client.connected, 0);
  const GError *refuses = row->client_refuses ? w->client.reason : w->turned_away_reason;
  const GError *refused = row->client_refuses ? w->turned_away_reason : w->client.reason;
  assert_reason (refuses, TS_ERROR_REFUSED, row->says);
  assert_reason (refused, TS_ERROR_REFUSED, "the peer does not accept us: ");
  assert_reason (refused, TS_ERROR_REFUSED, row->other_says);
}

/* --- peers that do not speak TLS
 * ------------------------------------------------------------------- */

static int
raw_connect (guint16 port)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons (port)};
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true (fd >= 0);
  assert_int_equal (connect (fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

/* A good peer still gets through after whatever was tried. */
static void
assert_still_open (World *w)
{
  guint accepted = w->accepted;
  connect_to (w, ts_lab_listener_port (w->listener), folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.connected, 1);
  AWAIT (w->accepted, accepted + 1);
}

static void
plain_bytes_instead_of_tls (void **state)
{
  World *w = *state;
  static const char http[] = "GET / HTTP/1.1\r\nHost: hv-lyon\r\n\r\n";
  g_autoptr (GBytes) garbage = noise (100000, 3);
  listen_as (w, folder, "hv-lyon", 5 * TS_S);

  int fd = raw_connect (ts_lab_listener_port (w->listener));
  assert_int_equal (send (fd, http, strlen (http), MSG_NOSIGNAL), strlen (http));
  AWAIT (w->turned_away, 1);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak TLS");
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "127.0.0.1:");
  close (fd);

  fd = raw_connect (ts_lab_listener_port (w->listener));
  send (fd, g_bytes_get_data (garbage, NULL), 100000, MSG_NOSIGNAL);
  AWAIT (w->turned_away, 2);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak TLS");
  close (fd);

  /* a frame with nothing around it */
  TsFrame frame = {.kind = TS_FRAME_ALIVE, .sequence = 1};
  g_autoptr (GBytes) wire = ts_frame_encode (&frame, FALSE);
  fd = raw_connect (ts_lab_listener_port (w->listener));
  send (fd, g_bytes_get_data (wire, NULL), g_bytes_get_size (wire), MSG_NOSIGNAL);
  AWAIT (w->turned_away, 3);
  close (fd);

  fd = raw_connect (ts_lab_listener_port (w->listener));
  close (fd);
  AWAIT (w->turned_away, 4);
  assert_reason (w->turned_away_reason, TS_ERROR_LOST, "went away");
  assert_int_equal (w->accepted, 0);
  assert_still_open (w);
}

static void
a_server_that_is_none (void **state)
{
  World *w = *state;
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (listen (fd, 1), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *)&at, &size), 0);
  connect_to (w, ntohs (at.sin_port), folder, "hv-paris", "hv-lyon", 5 * TS_S);
  int peer = accept (fd, NULL, NULL);
  assert_true (peer >= 0);
  assert_int_equal (send (peer, "220 mail.example.net ESMTP\r\n", 28, MSG_NOSIGNAL), 28);
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_FORMAT, "hv-lyon at 127.0.0.1:");
  assert_reason (w->client.reason, TS_ERROR_FORMAT, "does not speak TLS");
  close (peer);
  close (fd);
}

static void
says_nothing (void **state)
{
  World *w = *state;
  listen_as (w, folder, "hv-lyon", 200 * TS_MS);
  gint64 start_us = g_get_monotonic_time ();
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  AWAIT (w->turned_away, 1);
  gint64 took_us = g_get_monotonic_time () - start_us;
  assert_in_range (took_us, 190 * TS_MS, 3 * TS_S);
  assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  close (fd);
}

/* One byte of a record header and its long body at a time: never silent, never done. */
static void
says_it_slowly (void **state)
{
  World *w = *state;
  static const guint8 start[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
  listen_as (w, folder, "hv-lyon", 300 * TS_MS);
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  gint64 start_us = g_get_monotonic_time ();
  for (guint i = 0; w->turned_away == 0 && i < 1000; i++) {
    send (fd, i < sizeof start ? &start[i] : (const guint8 *)"x", 1, MSG_NOSIGNAL);
    run_for (10 * TS_MS);
  }
  assert_int_equal (w->turned_away, 1);
  assert_in_range (g_get_monotonic_time () - start_us, 290 * TS_MS, 3 * TS_S);
  assert_int_equal (w->turned_away_reason->code, TS_ERROR_LOST);
  close (fd);
}

static void
handshakes_are_bounded (void **state)
{
  World *w = *state;
  enum { COUNT = TS_LAB_HANDSHAKES_MAX + 6 };
  int fds[COUNT];
  listen_as (w, folder, "hv-lyon", 800 * TS_MS);
  for (guint i = 0; i < COUNT; i++)
    fds[i] = raw_connect (ts_lab_listener_port (w->listener));
  AWAIT (w->turned_away, 6);
  assert_reason (w->turned_away_reason, TS_ERROR_FULL, "64 handshakes are under way");
  assert_int_equal (w->turned_away, 6);
  assert_in_range (count_entries ("/proc/self/task"), TS_LAB_HANDSHAKES_MAX,
                   w->threads + TS_LAB_HANDSHAKES_MAX);
  AWAIT (w->turned_away, COUNT);
  assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  for (guint i = 0; i < COUNT; i++)
    close (fds[i]);
  assert_still_open (w);
}

static void
listener_freed_during_handshakes (void **state)
{
  World *w = *state;
  int fds[20];
  listen_as (w, folder, "hv-lyon", 60 * TS_S);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (ts_lab_listener_port (w->listener));
  for (guint i = 0; count_entries ("/proc/self/task") < w->threads + 20 && i < 500; i++)
    run_for (10 * TS_MS);
  gint64 start_us = g_get_monotonic_time ();
  g_clear_pointer (&w->listener, ts_lab_listener_free);
  assert_true (g_get_monotonic_time () - start_us < 2 * TS_S);
  run_for (20 * TS_MS);
  assert_int_equal (w->turned_away, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
no_descriptor_left (void **state)
{
  World *w = *state;
  struct rlimit limit, low;
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  low = limit;
  low.rlim_cur = (rlim_t)fd + 1;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
  guint turns = 0;
  gint64 until_us = g_get_monotonic_time () + 500 * TS_MS;
  guint tick = g_timeout_add (50, on_tick, NULL);
  while (g_get_monotonic_time () < until_us) {
    g_main_context_iteration (NULL, TRUE);
    turns++;
  }
  g_source_remove (tick);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  assert_in_range (w->turned_away, 1, 5);
  assert_int_equal (w->turned_away_reason->code, TS_ERROR_IO);
  assert_true (turns < 60); /* it does not spin */
  close (fd);
  guint before = w->turned_away;
  AWAIT (w->turned_away, before + 1); /* the one that waited, and left */
  assert_still_open (w);
}

/* --- peers with a good certificate and bad manners: GnuTLS and threads of their own
 * -------------------- */

typedef enum {
  MANNER_SILENT, /* connects, then nothing until told to go */
  MANNER_GARBAGE,
  MANNER_FOUR_GIB, /* a header that announces it, checksums in order */
  MANNER_WRONG_SEQUENCE,
  MANNER_MID_FRAME,     /* goes in the middle of one */
  MANNER_MID_FRAME_BYE, /* the same, but says good-bye */
  MANNER_VANISH,        /* goes between two frames, without a word */
  MANNER_BYE,           /* goes politely */
  MANNER_FLOOD,         /* frames without end */
  MANNER_NO_CERTIFICATE,
  MANNER_TLS12,
} Manner;

typedef struct {
  Manner manner;
  guint16 port;
  int fd;
  gboolean stopping;     /* atomic */
  guint64 flooded_bytes; /* atomic */
} Rude;

static gboolean
rude_session (const Rude *rude, gnutls_certificate_credentials_t credentials, int fd,
              gnutls_session_t *session)
{
  g_autofree char *pem = g_strdup_printf ("%s/hv-paris.pem", folder);
  g_autofree char *key = g_strdup_printf ("%s/hv-paris.key", folder);
  if (rude->manner != MANNER_NO_CERTIFICATE)
    g_assert (gnutls_certificate_set_x509_key_file (credentials, pem, key, GNUTLS_X509_FMT_PEM) >=
              0);
  gnutls_init (session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
  gnutls_priority_set_direct (
      *session, rude->manner == MANNER_TLS12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL", NULL);
  gnutls_credentials_set (*session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_transport_set_int (*session, fd);
  gnutls_handshake_set_timeout (*session, 5000);
  int code;
  do
    code = gnutls_handshake (*session);
  while (code < 0 && !gnutls_error_is_fatal (code));
  return code == 0;
}

static void
rude_send (gnutls_session_t session, GBytes *wire, gsize len_bytes)
{
  const guint8 *data = g_bytes_get_data (wire, NULL);
  while (len_bytes > 0) {
    gssize sent = gnutls_record_send (session, data, len_bytes);
    if (sent < 0)
      return;
    data += sent;
    len_bytes -= (gsize)sent;
  }
}

static void
rude_flood (Rude *rude, gnutls_session_t session, int fd)
{
  g_autoptr (GBytes) payload = noise (256 * 1024, 4);
  for (guint64 sequence = 1;; sequence++) {
    TsFrame frame = {.kind = TS_FRAME_COPY, .sequence = sequence, .payload = payload};
    g_autoptr (GBytes) wire = ts_frame_encode (&frame, FALSE);
    const guint8 *data = g_bytes_get_data (wire, NULL);
    for (gsize at = 0; at < g_bytes_get_size (wire);) {
      gssize sent = gnutls_record_send (session, data + at, g_bytes_get_size (wire) - at);
      if (sent < 0)
        return; /* the socket was shut down */
      at += (gsize)sent;
      __atomic_add_fetch (&rude->flooded_bytes, (guint64)sent, __ATOMIC_RELAXED);
    }
  }
}

static gpointer
rude_thread (gpointer user)
{
  Rude *rude = user;
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;
  int fd = rude->fd;
  gnutls_certificate_allocate_credentials (&credentials);
  if (rude_session (rude, credentials, fd, &session)) {
    g_autoptr (GBytes) payload = noise (100000, 5);
    TsFrame frame = {.kind = TS_FRAME_LOG, .sequence = 1, .payload = payload};
    if (rude->manner == MANNER_WRONG_SEQUENCE)
      frame.sequence = 2;
    g_autoptr (GBytes) wire = ts_frame_encode (&frame, FALSE);
    guint8 ignored[64];
    switch (rude->manner) {
    case MANNER_GARBAGE:
      rude_send (session, payload, 1000);
      break;
    case MANNER_FOUR_GIB: {
      guint8 *header = g_memdup2 (g_bytes_get_data (wire, NULL), TS_FRAME_HEADER_BYTES);
      memset (header + 4, 0xff, 4);
      memset (header + 12, 0xff, 4);
      g_autoptr (GBytes) big = g_bytes_new_take (header, TS_FRAME_HEADER_BYTES);
      rude_send (session, big, TS_FRAME_HEADER_BYTES);
      break;
    }
    case MANNER_WRONG_SEQUENCE:
    case MANNER_BYE:
    case MANNER_VANISH:
      rude_send (session, wire, g_bytes_get_size (wire));
      break;
    case MANNER_MID_FRAME:
    case MANNER_MID_FRAME_BYE:
      rude_send (session, wire, 50000);
      break;
    case MANNER_FLOOD:
      rude_flood (rude, session, fd);
      break;
    case MANNER_SILENT:
    case MANNER_NO_CERTIFICATE:
    case MANNER_TLS12:
      break;
    }
    if (rude->manner == MANNER_BYE || rude->manner == MANNER_MID_FRAME_BYE)
      gnutls_bye (session, GNUTLS_SHUT_WR);
    if (rude->manner == MANNER_VANISH || rude->manner == MANNER_MID_FRAME)
      shutdown (fd, SHUT_WR);
    else if (rude->manner == MANNER_SILENT)
      while (!__atomic_load_n (&rude->stopping, __ATOMIC_RELAXED))
        g_usleep (10000);
    else
      while (gnutls_record_recv (session, ignored, sizeof ignored) > 0)
        ;
  }
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
  return NULL;
}

static GThread *
be_rude (World *w, Rude *rude, Manner manner)
{
  if (!w->listener)
    listen_as (w, folder, "hv-lyon", 5 * TS_S);
  *rude = (Rude){.manner = manner};
  rude->fd = raw_connect (ts_lab_listener_port (w->listener));
  return g_thread_new ("rude", rude_thread, rude);
}

static void
end_rude (Rude *rude, GThread *thread)
{
  __atomic_store_n (&rude->stopping, TRUE, __ATOMIC_RELAXED);
  shutdown (rude->fd, SHUT_RDWR); /* wakes it from any call */
  g_thread_join (thread);
  close (rude->fd);
}

static const struct manner_row {
  const char *name;
  Manner manner;
  guint frames; /* heard before the end */
  TsErrorCode code;
  const char *says;
} manner_rows[] = {
    {"garbage inside TLS", MANNER_GARBAGE, 0, TS_ERROR_FORMAT, "not \"TSF1\""},
    {"a frame of 4 GiB", MANNER_FOUR_GIB, 0, TS_ERROR_FORMAT, "checksum"},
    {"a frame out of sequence", MANNER_WRONG_SEQUENCE, 0, TS_ERROR_FORMAT, "number 2 follows 0"},
    {"gone in the middle of a frame", MANNER_MID_FRAME, 0, TS_ERROR_LOST,
     "the connection broke in the middle of a frame"},
    {"good-bye in the middle of a frame", MANNER_MID_FRAME_BYE, 0, TS_ERROR_LOST,
     "closed by the peer in the middle of a frame"},
    {"gone after a frame", MANNER_VANISH, 1, TS_ERROR_LOST, "the connection broke"},
    {"good-bye after a frame", MANNER_BYE, 1, TS_ERROR_LOST, "closed by the peer"},
};

static void
bad_manners (void **state)
{
  World *w = *state;
  const struct manner_row *row = w->row;
  Rude rude;
  GThread *thread = be_rude (w, &rude, row->manner);
  AWAIT (w->server.lost, 1);
  assert_int_equal (w->accepted, 1);
  assert_string_equal (w->server.peer, "hv-paris");
  assert_int_equal (w->server.frames, row->frames);
  assert_reason (w->server.reason, row->code, row->says);
  if (row->frames > 0)
    assert_null (strstr (w->server.reason->message, "in the middle"));
  run_for (20 * TS_MS);
  assert_int_equal (w->server.lost, 1);
  TsFrame late = {.kind = TS_FRAME_ALIVE};
  ts_lab_link_send (w->server.link, &late, FALSE); /* dropped */
  assert_int_equal (ts_lab_link_waiting_bytes (w->server.link), 0);
  end_rude (&rude, thread);
}

static void
no_certificate_at_all (void **state)
{
  World *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_NO_CERTIFICATE);
  AWAIT (w->turned_away, 1);
  assert_reason (w->turned_away_reason, TS_ERROR_REFUSED, "shows no certificate");
  assert_int_equal (w->accepted, 0);
  end_rude (&rude, thread);
}

static void
an_older_tls (void **state)
{
  World *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_TLS12);
  AWAIT (w->turned_away, 1);
  assert_int_equal (w->turned_away_reason->code, TS_ERROR_FORMAT);
  assert_int_equal (w->accepted, 0);
  end_rude (&rude, thread);
}

/* While the main context does not hear, the reader stops: the peer's own sends come to a halt. */
static void
a_flood_is_held_back (void **state)
{
  World *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_FLOOD);
  AWAIT (w->accepted, 1);
  guint64 before = 0, now = 0;
  guint heard = w->server.frames;
  for (guint still = 0, i = 0; still < 5 && i < 200; i++) {
    g_usleep (50000);
    now = __atomic_load_n (&rude.flooded_bytes, __ATOMIC_RELAXED);
    still = now == before ? still + 1 : 0;
    before = now;
  }
  /* the inbox, and what two sockets hold (tcp_rmem and tcp_wmem: 6 and 4 MiB) */
  guint64 unheard = now - heard * G_GUINT64_CONSTANT (262144);
  print_message ("held back after %.1f MiB\n", (double)unheard / (1 << 20));
  assert_in_range (unheard, 8 << 20, 24 << 20);
  AWAIT (w->server.frames, heard + 400); /* 100 MiB: it flows again */
  end_rude (&rude, thread);
}

/* --- free, whatever is under way
 * ------------------------------------------------------------------------ */

static void
assert_quick_free (World *w)
{
  gint64 start_us = g_get_monotonic_time ();
  ts_lab_link_free (w->client.link);
  w->client.link = NULL;
  gint64 took_us = g_get_monotonic_time () - start_us;
  assert_true (took_us < 2 * TS_S);
  guint lost = w->client.lost;
  run_for (30 * TS_MS);
  assert_int_equal (w->client.lost, lost); /* and nothing is heard after it */
}

/* A listening socket whose queue is full drops what comes: as good as a blackhole. */
typedef struct {
  int fd, fillers[8];
  guint16 port;
} Blackhole;

static void
blackhole_open (Blackhole *hole)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  hole->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (hole->fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (listen (hole->fd, 0), 0);
  assert_int_equal (getsockname (hole->fd, (struct sockaddr *)&at, &size), 0);
  hole->port = ntohs (at.sin_port);
  for (guint i = 0; i < G_N_ELEMENTS (hole->fillers); i++) {
    hole->fillers[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect (hole->fillers[i], (struct sockaddr *)&at, sizeof at);
  }
}

static void
blackhole_close (Blackhole *hole)
{
  for (guint i = 0; i < G_N_ELEMENTS (hole->fillers); i++)
    close (hole->fillers[i]);
  close (hole->fd);
}

static void
freed_while_connecting (void **state)
{
  World *w = *state;
  Blackhole hole;
  blackhole_open (&hole);
  connect_to (w, hole.port, folder, "hv-paris", "hv-lyon", 60 * TS_S);
  run_for (100 * TS_MS);
  assert_int_equal (w->client.connected + w->client.lost, 0);
  assert_quick_free (w);
  connect_to (w, hole.port, folder, "hv-paris", "hv-lyon", 60 * TS_S);
  assert_quick_free (w); /* at once */

  gint64 start_us = g_get_monotonic_time ();
  connect_to (w, hole.port, folder, "hv-paris", "hv-lyon", 200 * TS_MS);
  AWAIT (w->client.lost, 1);
  assert_in_range (g_get_monotonic_time () - start_us, 190 * TS_MS, 3 * TS_S);
  assert_reason (w->client.reason, TS_ERROR_LOST, "no answer in time");
  blackhole_close (&hole);
}

static void
freed_during_the_handshake (void **state)
{
  World *w = *state;
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (listen (fd, 8), 0); /* the kernel answers, nobody else does */
  assert_int_equal (getsockname (fd, (struct sockaddr *)&at, &size), 0);
  connect_to (w, ntohs (at.sin_port), folder, "hv-paris", "hv-lyon", 60 * TS_S);
  run_for (100 * TS_MS);
  assert_quick_free (w);
  connect_to (w, ntohs (at.sin_port), folder, "hv-paris", "hv-lyon", 200 * TS_MS);
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_LOST, "no answer in time");
  close (fd);
}

/* The peer reads nothing: the writer waits for a socket that never has room. */
static void
freed_while_the_peer_reads_nothing (void **state)
{
  World *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_SILENT);
  AWAIT (w->accepted, 1);
  g_autoptr (GBytes) payload = noise (TS_FRAME_PAYLOAD_MAX, 6);
  TsFrame frame = {.kind = TS_FRAME_COPY, .payload = payload};
  for (guint i = 0; i < 64; i++)
    ts_lab_link_send (w->server.link, &frame, FALSE);
  run_for (300 * TS_MS);
  assert_true (ts_lab_link_waiting_bytes (w->server.link) > 32 << 20);
  gint64 start_us = g_get_monotonic_time ();
  ts_lab_link_free (w->server.link);
  w->server.link = NULL;
  assert_true (g_get_monotonic_time () - start_us < 2 * TS_S);
  end_rude (&rude, thread);
}

/* Nobody runs the main context: the reader waits for room in the inbox. */
static void
freed_while_the_inbox_is_full (void **state)
{
  World *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_FLOOD);
  AWAIT (w->accepted, 1);
  g_usleep (300000);
  gint64 start_us = g_get_monotonic_time ();
  ts_lab_link_free (w->server.link);
  w->server.link = NULL;
  assert_true (g_get_monotonic_time () - start_us < 2 * TS_S);
  end_rude (&rude, thread);
}

static void
freed_in_its_own_events (void **state)
{
  World *w = *state;
  w->client.free_in = FREE_CONNECTED;
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  connect_to (w, port, folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.connected, 1);
  assert_null (w->client.link);
  AWAIT (w->server.lost, 1); /* polite: the peer knows */
  assert_reason (w->server.reason, TS_ERROR_LOST, "closed by the peer");
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  g_clear_error (&w->server.reason);

  g_clear_pointer (&w->client.peer, g_free);
  w->client.free_in = FREE_FRAME;
  connect_to (w, port, folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 2);
  for (guint n = 0; n < 10; n++)
    send_nth (w->server.link, n);
  AWAIT (w->client.frames, 1);
  assert_null (w->client.link);
  AWAIT (w->server.lost, 2);
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  run_for (20 * TS_MS);
  assert_int_equal (w->client.frames, 1); /* what was behind it is not heard */

  g_clear_pointer (&w->client.peer, g_free);
  w->client.free_in = FREE_LOST;
  w->client.last_sequence = 0;
  connect_to (w, port, folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 3);
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  AWAIT (w->client.lost, 1);
  assert_null (w->client.link);
}

static void
turned_away_in_accepted (void **state)
{
  World *w = *state;
  w->refuse_accepted = TRUE;
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  connect_to (w, ts_lab_listener_port (w->listener), folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_LOST, "closed by the peer");
}

static void
listener_freed_in_its_own_events (void **state)
{
  World *w = *state;
  w->free_listener_in_events = TRUE;
  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  connect_to (w, port, folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 1);
  assert_null (w->listener);
  send_nth (w->client.link, 6); /* the accepted one lives on */
  AWAIT (w->server.frames, 1);

  listen_as (w, folder, "hv-lyon", 5 * TS_S);
  close (raw_connect (ts_lab_listener_port (w->listener)));
  AWAIT (w->turned_away, 1);
  assert_null (w->listener);
}

/* --- what cannot start
 * ------------------------------------------------------------------------------ */

static void
nobody_listens (void **state)
{
  World *w = *state;
  listen_as (w, folder, "hv-lyon", TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  g_clear_pointer (&w->listener, ts_lab_listener_free);
  connect_to (w, port, folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_LOST, "Connection refused");
}

static void
bad_arguments_are_told (void **state)
{
  World *w = *state;
  TsLabCredentials good = credentials_of (folder, "hv-paris");
  TsLabCredentials missing = credentials_of (folder, "nobody");
  TsLabCredentials mixed = credentials_of (folder, "hv-paris");
  g_free (mixed.key);
  mixed.key = g_strdup_printf ("%s/hv-lyon.key", folder);
  TsLabCredentials listless = credentials_of (folder, "hv-paris"); /* must not mean: none revoked */
  g_free (listless.crl);
  listless.crl = g_strdup_printf ("%s/other.crl", folder);

  w->client.link = ts_lab_link_connect ("hv-lyon.example.net", 1, "hv-lyon", &good, TS_S,
                                        &end_events, &w->client);
  assert_int_equal (w->client.lost, 0); /* never inside the call */
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_ARGUMENT, "not a numeric address");
  assert_quick_free (w);
  g_clear_error (&w->client.reason);

  assert_null (ts_lab_listener_new ("127.0.0.1", 0, &listless, TS_S, &listener_events, w, NULL));
  credentials_clear (&listless);

  w->client.link =
      ts_lab_link_connect ("127.0.0.1", 1, "hv-lyon", &missing, TS_S, &end_events, &w->client);
  AWAIT (w->client.lost, 2);
  assert_reason (w->client.reason, TS_ERROR_IO, "nobody.pem");
  assert_quick_free (w);
  g_clear_error (&w->client.reason);

  g_autoptr (GError) error = NULL;
  assert_null (ts_lab_listener_new ("127.0.0.1", 0, &mixed, TS_S, &listener_events, w, &error));
  assert_reason (error, TS_ERROR_IO, "hv-lyon.key");
  g_clear_error (&error);
  assert_null (ts_lab_listener_new ("192.0.2.1", 0, &good, TS_S, &listener_events, w, &error));
  assert_reason (error, TS_ERROR_IO, "bind");
  g_clear_error (&error);
  listen_as (w, folder, "hv-lyon", TS_S);
  assert_null (ts_lab_listener_new ("127.0.0.1", ts_lab_listener_port (w->listener), &good, TS_S,
                                    &listener_events, w, &error));
  assert_reason (error, TS_ERROR_IO, "in use");
  credentials_clear (&good);
  credentials_clear (&missing);
  credentials_clear (&mixed);
}

/* --- all
 * -------------------------------------------------------------------------------------------- */

static int
make_certificates (void **state)
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
  folder = g_dir_make_tmp ("ts-link-XXXXXX", NULL);
  other_folder = g_dir_make_tmp ("ts-link-XXXXXX", NULL);
  if (!folder || !other_folder || !ts_lab_certificate_authority (folder, NULL) ||
      !ts_lab_certificate_authority (other_folder, NULL))
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    if (!ts_lab_certificate_issue_kind (folder, hosts[i].name, hosts[i].kind, NULL) ||
        !ts_lab_certificate_issue_kind (other_folder, hosts[i].name, hosts[i].kind, NULL))
      return -1;
  /* one after the other: the second must not forget the first */
  return ts_lab_certificate_revoke (folder, "revoked", NULL) &&
                 ts_lab_certificate_revoke (folder, "revoked-too", NULL)
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

static int
remove_certificates (void **state)
{
  remove_folder (folder);
  remove_folder (other_folder);
  return 0;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

/* What a simulator profile says of it; and nothing of it is left. */
static void
a_handshake_is_measured (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *own = g_dir_make_tmp ("test-handshake-XXXXXX", NULL);
  gint64 median_us = 0;
  if (!ts_lab_measure_handshake (own, 5, &median_us, &error))
    fail_msg ("%s", error->message);
  assert_in_range (median_us, 100, 5 * TS_S); /* signatures are made and judged: not for nothing */
  assert_false (ts_lab_measure_handshake ("/nonexistent", 5, &median_us, NULL));
  assert_true (ts_lab_remove_tree (own, NULL));
}

int
main (void)
{
  struct CMUnitTest tests[64] = {
      WORLD_TEST (frames_both_ways_in_order),
      WORLD_TEST (sent_before_connected),
      WORLD_TEST (how_fast),
      WORLD_TEST (plain_bytes_instead_of_tls),
      WORLD_TEST (a_server_that_is_none),
      WORLD_TEST (says_nothing),
      WORLD_TEST (says_it_slowly),
      WORLD_TEST (handshakes_are_bounded),
      WORLD_TEST (listener_freed_during_handshakes),
      WORLD_TEST (no_descriptor_left),
      WORLD_TEST (no_certificate_at_all),
      WORLD_TEST (an_older_tls),
      WORLD_TEST (a_flood_is_held_back),
      WORLD_TEST (freed_while_connecting),
      WORLD_TEST (freed_during_the_handshake),
      WORLD_TEST (freed_while_the_peer_reads_nothing),
      WORLD_TEST (freed_while_the_inbox_is_full),
      WORLD_TEST (freed_in_its_own_events),
      WORLD_TEST (turned_away_in_accepted),
      WORLD_TEST (listener_freed_in_its_own_events),
      WORLD_TEST (nobody_listens),
      WORLD_TEST (bad_arguments_are_told),
      WORLD_TEST (a_handshake_is_measured),
  };
  guint count = 0;
  while (tests[count].name)
    count++;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[count++] =
        (struct CMUnitTest){rows[i].name, certificate_refused, setup, teardown, (void *)&rows[i]};
  for (guint i = 0; i < G_N_ELEMENTS (manner_rows); i++)
    tests[count++] = (struct CMUnitTest){manner_rows[i].name, bad_manners, setup, teardown,
                                         (void *)&manner_rows[i]};
  g_assert (count <= G_N_ELEMENTS (tests));
  return _cmocka_run_group_tests ("link", tests, count, make_certificates, remove_certificates);
}
