/* Links over loopback: what arrives, and that nothing ever hangs or stays, whenever they are freed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lab/link/handshake.h"
#include "lab/site/layout.h"
#include "link-support.h"

/* --- what arrives
 * --------------------------------------------------------------------------------- */

enum { ROUNDS = 6, SIZES = 7 }; /* link_nth_payload repeats after SIZES */

static void
assert_all_got (const LinkEnd *end, guint count)
{
  assert_int_equal (end->got->len, count);
  for (guint n = 0; n < count; n++) {
    const TsFrame *frame = g_ptr_array_index (end->got, n);
    g_autoptr (GBytes) want = link_nth_payload (n);
    assert_int_equal (frame->set, n);
    assert_int_equal (frame->payload == NULL, want == NULL);
    if (want)
      assert_true (g_bytes_equal (frame->payload, want));
  }
}

static void
frames_both_ways_in_order (void **state)
{
  LinkPair *w = *state;
  enum { COUNT = ROUNDS * SIZES };
  link_connect_both (w);
  assert_string_equal (w->client.peer, "hv-lyon");
  assert_string_equal (w->server.peer, "hv-paris");
  w->client.keep = w->server.keep = TRUE;
  for (guint n = 0; n < COUNT; n++) {
    link_send_nth (w->client.link, n);
    link_send_nth (w->server.link, n);
  }
  AWAIT (w->client.frames, COUNT);
  AWAIT (w->server.frames, COUNT);
  assert_all_got (&w->client, COUNT);
  assert_all_got (&w->server, COUNT);
  link_run_for (20 * TS_MS); /* the writers count after they wrote */
  assert_int_equal (ts_lab_link_waiting_bytes (w->client.link), 0);
  assert_int_equal (ts_lab_link_wire_bytes_sent (w->client.link),
                    ts_lab_link_wire_bytes_sent (w->server.link));
  assert_true (ts_lab_link_wire_bytes_sent (w->client.link) > COUNT * TS_FRAME_HEADER_BYTES);
  assert_true (ts_lab_link_wire_bytes_sent (w->client.link) < w->server.bytes);
}

static void
sent_before_connected (void **state)
{
  LinkPair *w = *state;
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  link_connect_to (w, ts_lab_listener_port (w->listener), link_folder, "hv-paris", "HV-Lyon",
                   5 * TS_S);
  assert_null (ts_lab_link_peer (w->client.link));
  w->server.keep = TRUE;
  for (guint n = 0; n < 5; n++)
    link_send_nth (w->client.link, n);
  AWAIT (w->server.frames, 5);
  assert_all_got (&w->server, 5);
}

static void
throughput (LinkPair *w, const char *what, GBytes *payload, gboolean compress, guint count)
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
  LinkPair *w = *state;
  link_connect_both (w);
  g_autoptr (GBytes) plain = link_noise (TS_FRAME_PAYLOAD_MAX, 1);
  throughput (w, "1 MiB frames, plain", plain, FALSE, 256);
  guint8 *half = g_memdup2 (g_bytes_get_data (plain, NULL), TS_FRAME_PAYLOAD_MAX);
  for (gsize i = 0; i < TS_FRAME_PAYLOAD_MAX; i += 512)
    memset (half + i, 'x', 256);
  g_autoptr (GBytes) compressible = g_bytes_new_take (half, TS_FRAME_PAYLOAD_MAX);
  throughput (w, "1 MiB frames, zstd 2:1", compressible, TRUE, 64);
  g_autoptr (GBytes) small = link_noise (4096, 2);
  throughput (w, "4 KiB frames, plain", small, FALSE, 4096);
}

/* --- free, whatever is under way
 * ------------------------------------------------------------------------ */

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
  LinkPair *w = *state;
  Blackhole hole;
  blackhole_open (&hole);
  link_connect_to (w, hole.port, link_folder, "hv-paris", "hv-lyon", 60 * TS_S);
  link_run_for (100 * TS_MS);
  assert_int_equal (w->client.connected + w->client.lost, 0);
  link_assert_quick_free (w);
  link_connect_to (w, hole.port, link_folder, "hv-paris", "hv-lyon", 60 * TS_S);
  link_assert_quick_free (w); /* at once */

  gint64 start_us = g_get_monotonic_time ();
  link_connect_to (w, hole.port, link_folder, "hv-paris", "hv-lyon", 200 * TS_MS);
  AWAIT (w->client.lost, 1);
  assert_in_range (g_get_monotonic_time () - start_us, 190 * TS_MS, 3 * TS_S);
  link_assert_reason (w->client.reason, TS_ERROR_LOST, "no answer in time");
  blackhole_close (&hole);
}

static void
freed_during_the_handshake (void **state)
{
  LinkPair *w = *state;
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (listen (fd, 8), 0); /* the kernel answers, nobody else does */
  assert_int_equal (getsockname (fd, (struct sockaddr *)&at, &size), 0);
  link_connect_to (w, ntohs (at.sin_port), link_folder, "hv-paris", "hv-lyon", 60 * TS_S);
  link_run_for (100 * TS_MS);
  link_assert_quick_free (w);
  link_connect_to (w, ntohs (at.sin_port), link_folder, "hv-paris", "hv-lyon", 200 * TS_MS);
  AWAIT (w->client.lost, 1);
  link_assert_reason (w->client.reason, TS_ERROR_LOST, "no answer in time");
  close (fd);
}

static void
freed_in_its_own_events (void **state)
{
  LinkPair *w = *state;
  w->client.free_in = FREE_CONNECTED;
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  link_connect_to (w, port, link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.connected, 1);
  assert_null (w->client.link);
  AWAIT (w->server.lost, 1); /* polite: the peer knows */
  link_assert_reason (w->server.reason, TS_ERROR_LOST, "closed by the peer");
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  g_clear_error (&w->server.reason);

  g_clear_pointer (&w->client.peer, g_free);
  w->client.free_in = FREE_FRAME;
  link_connect_to (w, port, link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 2);
  for (guint n = 0; n < 10; n++)
    link_send_nth (w->server.link, n);
  AWAIT (w->client.frames, 1);
  assert_null (w->client.link);
  AWAIT (w->server.lost, 2);
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  link_run_for (20 * TS_MS);
  assert_int_equal (w->client.frames, 1); /* what was behind it is not heard */

  g_clear_pointer (&w->client.peer, g_free);
  w->client.free_in = FREE_LOST;
  w->client.last_sequence = 0;
  link_connect_to (w, port, link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 3);
  g_clear_pointer (&w->server.link, ts_lab_link_free);
  AWAIT (w->client.lost, 1);
  assert_null (w->client.link);
}

static void
turned_away_in_accepted (void **state)
{
  LinkPair *w = *state;
  w->refuse_accepted = TRUE;
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  link_connect_to (w, ts_lab_listener_port (w->listener), link_folder, "hv-paris", "hv-lyon",
                   5 * TS_S);
  AWAIT (w->client.lost, 1);
  link_assert_reason (w->client.reason, TS_ERROR_LOST, "closed by the peer");
}

/* --- what cannot start
 * ------------------------------------------------------------------------------ */

static void
nobody_listens (void **state)
{
  LinkPair *w = *state;
  link_listen_as (w, link_folder, "hv-lyon", TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  g_clear_pointer (&w->listener, ts_lab_listener_free);
  link_connect_to (w, port, link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->client.lost, 1);
  link_assert_reason (w->client.reason, TS_ERROR_LOST, "Connection refused");
}

static void
bad_arguments_are_told (void **state)
{
  LinkPair *w = *state;
  TsLabCredentials good = link_credentials_of (link_folder, "hv-paris");
  TsLabCredentials missing = link_credentials_of (link_folder, "nobody");
  TsLabCredentials mixed = link_credentials_of (link_folder, "hv-paris");
  g_free (mixed.key);
  mixed.key = g_strdup_printf ("%s/hv-lyon.key", link_folder);
  TsLabCredentials listless =
      link_credentials_of (link_folder, "hv-paris"); /* must not mean: none revoked */
  g_free (listless.crl);
  listless.crl = g_strdup_printf ("%s/other.crl", link_folder);

  w->client.link = ts_lab_link_connect ("hv-lyon.example.net", 1, "hv-lyon", &good, TS_S,
                                        &link_end_events, &w->client);
  assert_int_equal (w->client.lost, 0); /* never inside the call */
  AWAIT (w->client.lost, 1);
  link_assert_reason (w->client.reason, TS_ERROR_ARGUMENT, "not a numeric address");
  link_assert_quick_free (w);
  g_clear_error (&w->client.reason);

  assert_null (
      ts_lab_listener_new ("127.0.0.1", 0, &listless, TS_S, &link_listener_events, w, NULL));
  link_credentials_clear (&listless);

  w->client.link =
      ts_lab_link_connect ("127.0.0.1", 1, "hv-lyon", &missing, TS_S, &link_end_events, &w->client);
  AWAIT (w->client.lost, 2);
  link_assert_reason (w->client.reason, TS_ERROR_IO, "nobody.pem");
  link_assert_quick_free (w);
  g_clear_error (&w->client.reason);

  g_autoptr (GError) error = NULL;
  assert_null (
      ts_lab_listener_new ("127.0.0.1", 0, &mixed, TS_S, &link_listener_events, w, &error));
  link_assert_reason (error, TS_ERROR_IO, "hv-lyon.key");
  g_clear_error (&error);
  assert_null (ts_lab_listener_new ("192.0.2.1", 0, &good, TS_S, &link_listener_events, w, &error));
  link_assert_reason (error, TS_ERROR_IO, "bind");
  g_clear_error (&error);
  link_listen_as (w, link_folder, "hv-lyon", TS_S);
  assert_null (ts_lab_listener_new ("127.0.0.1", ts_lab_listener_port (w->listener), &good, TS_S,
                                    &link_listener_events, w, &error));
  link_assert_reason (error, TS_ERROR_IO, "in use");
  link_credentials_clear (&good);
  link_credentials_clear (&missing);
  link_credentials_clear (&mixed);
}

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

#define LINK_TEST(name) cmocka_unit_test_setup_teardown (name, link_setup, link_teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      LINK_TEST (frames_both_ways_in_order),
      LINK_TEST (sent_before_connected),
      LINK_TEST (how_fast),
      LINK_TEST (freed_while_connecting),
      LINK_TEST (freed_during_the_handshake),
      LINK_TEST (freed_in_its_own_events),
      LINK_TEST (turned_away_in_accepted),
      LINK_TEST (nobody_listens),
      LINK_TEST (bad_arguments_are_told),
      LINK_TEST (a_handshake_is_measured),
  };
  return cmocka_run_group_tests_name ("link", tests, link_make_certificates,
                                      link_remove_certificates);
}
