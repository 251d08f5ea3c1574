/* Who is at the other end of a link: certificates that are refused and why, peers that do not speak
 * TLS, and peers with a good certificate and bad manners. */
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
#include "lab/site/layout.h"
#include "link-support.h"

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
  *in = other ? link_other_folder : link_folder;
  return certificate + (other ? strlen ("other/") : 0);
}

/* The credentials' authority is always the first one, so that only the one certificate is wrong. */
static void
certificate_refused (void **state)
{
  LinkPair *w = *state;
  const struct row *row = w->row;
  const char *in;
  const char *name = split (row->server, &in);
  TsLabCredentials server = link_credentials_of (in, name);
  g_free (server.ca);
  server.ca = g_strdup_printf ("%s/ca.pem", link_folder);
  w->listener =
      ts_lab_listener_new ("127.0.0.1", 0, &server, 5 * TS_S, &link_listener_events, w, NULL);
  link_credentials_clear (&server);
  assert_non_null (w->listener);
  name = split (row->client, &in);
  TsLabCredentials client = link_credentials_of (in, name);
  g_free (client.ca);
  client.ca = g_strdup_printf ("%s/ca.pem", link_folder);
  w->client.link =
      ts_lab_link_connect ("127.0.0.1", ts_lab_listener_port (w->listener), row->expected, &client,
                           5 * TS_S, &link_end_events, &w->client);
  link_credentials_clear (&client);
  link_send_nth (w->client.link, 6); /* must not be heard, whatever the order */

  AWAIT (w->client.lost, 1);
  AWAIT (w->turned_away, 1);
  link_run_for (20 * TS_MS);
  assert_int_equal (w->accepted, 0);
  assert_int_equal (w->server.frames, 0);
  assert_int_equal (w->client.lost, 1);
  if (row->client_refuses)
    assert_int_equal (w->client.connected, 0);
  const GError *refuses = row->client_refuses ? w->client.reason : w->turned_away_reason;
  const GError *refused = row->client_refuses ? w->turned_away_reason : w->client.reason;
  link_assert_reason (refuses, TS_ERROR_REFUSED, row->says);
  link_assert_reason (refused, TS_ERROR_REFUSED, "the peer does not accept us: ");
  link_assert_reason (refused, TS_ERROR_REFUSED, row->other_says);
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
assert_still_open (LinkPair *w)
{
  guint accepted = w->accepted;
  link_connect_to (w, ts_lab_listener_port (w->listener), link_folder, "hv-paris", "hv-lyon",
                   5 * TS_S);
  AWAIT (w->client.connected, 1);
  AWAIT (w->accepted, accepted + 1);
}

static void
plain_bytes_instead_of_tls (void **state)
{
  LinkPair *w = *state;
  static const char http[] = "GET / HTTP/1.1\r\nHost: hv-lyon\r\n\r\n";
  g_autoptr (GBytes) garbage = link_noise (100000, 3);
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);

  int fd = raw_connect (ts_lab_listener_port (w->listener));
  assert_int_equal (send (fd, http, strlen (http), MSG_NOSIGNAL), strlen (http));
  AWAIT (w->turned_away, 1);
  link_assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak TLS");
  link_assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "127.0.0.1:");
  close (fd);

  fd = raw_connect (ts_lab_listener_port (w->listener));
  send (fd, g_bytes_get_data (garbage, NULL), 100000, MSG_NOSIGNAL);
  AWAIT (w->turned_away, 2);
  link_assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak TLS");
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
  link_assert_reason (w->turned_away_reason, TS_ERROR_LOST, "went away");
  assert_int_equal (w->accepted, 0);
  assert_still_open (w);
}

static void
a_server_that_is_none (void **state)
{
  LinkPair *w = *state;
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (listen (fd, 1), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *)&at, &size), 0);
  link_connect_to (w, ntohs (at.sin_port), link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  int peer = accept (fd, NULL, NULL);
  assert_true (peer >= 0);
  assert_int_equal (send (peer, "220 mail.example.net ESMTP\r\n", 28, MSG_NOSIGNAL), 28);
  AWAIT (w->client.lost, 1);
  link_assert_reason (w->client.reason, TS_ERROR_FORMAT, "hv-lyon at 127.0.0.1:");
  link_assert_reason (w->client.reason, TS_ERROR_FORMAT, "does not speak TLS");
  close (peer);
  close (fd);
}

static void
says_nothing (void **state)
{
  LinkPair *w = *state;
  link_listen_as (w, link_folder, "hv-lyon", 200 * TS_MS);
  gint64 start_us = g_get_monotonic_time ();
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  AWAIT (w->turned_away, 1);
  gint64 took_us = g_get_monotonic_time () - start_us;
  assert_in_range (took_us, 190 * TS_MS, 3 * TS_S);
  link_assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  close (fd);
}

/* One byte of a record header and its long body at a time: never silent, never done. */
static void
says_it_slowly (void **state)
{
  LinkPair *w = *state;
  static const guint8 start[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
  link_listen_as (w, link_folder, "hv-lyon", 300 * TS_MS);
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  gint64 start_us = g_get_monotonic_time ();
  for (guint i = 0; w->turned_away == 0 && i < 1000; i++) {
    send (fd, i < sizeof start ? &start[i] : (const guint8 *)"x", 1, MSG_NOSIGNAL);
    link_run_for (10 * TS_MS);
  }
  assert_int_equal (w->turned_away, 1);
  assert_in_range (g_get_monotonic_time () - start_us, 290 * TS_MS, 3 * TS_S);
  assert_int_equal (w->turned_away_reason->code, TS_ERROR_LOST);
  close (fd);
}

static void
handshakes_are_bounded (void **state)
{
  LinkPair *w = *state;
  enum { COUNT = TS_LAB_HANDSHAKES_MAX + 6 };
  int fds[COUNT];
  link_listen_as (w, link_folder, "hv-lyon", 800 * TS_MS);
  for (guint i = 0; i < COUNT; i++)
    fds[i] = raw_connect (ts_lab_listener_port (w->listener));
  AWAIT (w->turned_away, 6);
  link_assert_reason (w->turned_away_reason, TS_ERROR_FULL, "64 handshakes are under way");
  assert_int_equal (w->turned_away, 6);
  assert_in_range (link_count_entries ("/proc/self/task"), TS_LAB_HANDSHAKES_MAX,
                   w->threads + TS_LAB_HANDSHAKES_MAX);
  AWAIT (w->turned_away, COUNT);
  link_assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  for (guint i = 0; i < COUNT; i++)
    close (fds[i]);
  assert_still_open (w);
}

static void
listener_freed_during_handshakes (void **state)
{
  LinkPair *w = *state;
  int fds[20];
  link_listen_as (w, link_folder, "hv-lyon", 60 * TS_S);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (ts_lab_listener_port (w->listener));
  for (guint i = 0; link_count_entries ("/proc/self/task") < w->threads + 20 && i < 500; i++)
    link_run_for (10 * TS_MS);
  gint64 start_us = g_get_monotonic_time ();
  g_clear_pointer (&w->listener, ts_lab_listener_free);
  assert_true (g_get_monotonic_time () - start_us < 2 * TS_S);
  link_run_for (20 * TS_MS);
  assert_int_equal (w->turned_away, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
no_descriptor_left (void **state)
{
  LinkPair *w = *state;
  struct rlimit limit, low;
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  int fd = raw_connect (ts_lab_listener_port (w->listener));
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  low = limit;
  low.rlim_cur = (rlim_t)fd + 1;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
  guint turns = 0;
  gint64 until_us = g_get_monotonic_time () + 500 * TS_MS;
  guint tick = g_timeout_add (50, link_on_tick, NULL);
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
  g_autofree char *pem = g_strdup_printf ("%s/hv-paris.pem", link_folder);
  g_autofree char *key = g_strdup_printf ("%s/hv-paris.key", link_folder);
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
  g_autoptr (GBytes) payload = link_noise (256 * 1024, 4);
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
    g_autoptr (GBytes) payload = link_noise (100000, 5);
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
be_rude (LinkPair *w, Rude *rude, Manner manner)
{
  if (!w->listener)
    link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
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
  LinkPair *w = *state;
  const struct manner_row *row = w->row;
  Rude rude;
  GThread *thread = be_rude (w, &rude, row->manner);
  AWAIT (w->server.lost, 1);
  assert_int_equal (w->accepted, 1);
  assert_string_equal (w->server.peer, "hv-paris");
  assert_int_equal (w->server.frames, row->frames);
  link_assert_reason (w->server.reason, row->code, row->says);
  if (row->frames > 0)
    assert_null (strstr (w->server.reason->message, "in the middle"));
  link_run_for (20 * TS_MS);
  assert_int_equal (w->server.lost, 1);
  TsFrame late = {.kind = TS_FRAME_ALIVE};
  ts_lab_link_send (w->server.link, &late, FALSE); /* dropped */
  assert_int_equal (ts_lab_link_waiting_bytes (w->server.link), 0);
  end_rude (&rude, thread);
}

static void
no_certificate_at_all (void **state)
{
  LinkPair *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_NO_CERTIFICATE);
  AWAIT (w->turned_away, 1);
  link_assert_reason (w->turned_away_reason, TS_ERROR_REFUSED, "shows no certificate");
  assert_int_equal (w->accepted, 0);
  end_rude (&rude, thread);
}

static void
an_older_tls (void **state)
{
  LinkPair *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_TLS12);
  AWAIT (w->turned_away, 1);
  assert_int_equal (w->turned_away_reason->code, TS_ERROR_FORMAT);
  assert_int_equal (w->accepted, 0);
  end_rude (&rude, thread);
}

/* While the main context does not hear, the reader stops: the peer's own sends come to a halt. */
static guint64
flooded_until_still (const Rude *rude)
{
  guint64 before = 0, now = 0;
  for (guint still = 0, i = 0; still < 5 && i < 200; i++) {
    g_usleep (50000);
    now = __atomic_load_n (&rude->flooded_bytes, __ATOMIC_RELAXED);
    still = now == before ? still + 1 : 0;
    before = now;
  }
  return now;
}

static void
a_flood_is_held_back (void **state)
{
  LinkPair *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_FLOOD);
  AWAIT (w->accepted, 1);
  guint heard = w->server.frames;
  /* the inbox, and what two sockets hold (tcp_rmem and tcp_wmem: 6 and 4 MiB) */
  guint64 unheard = flooded_until_still (&rude) - heard * G_GUINT64_CONSTANT (262144);
  print_message ("held back after %.1f MiB\n", (double)unheard / (1 << 20));
  assert_in_range (unheard, 8 << 20, 24 << 20);
  AWAIT (w->server.frames, heard + 400); /* 100 MiB: it flows again */
  end_rude (&rude, thread);
}

/* The main loop runs, and still hears nothing. */
static void
a_link_that_is_held_holds_the_peer (void **state)
{
  LinkPair *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_FLOOD);
  AWAIT (w->accepted, 1);
  ts_lab_link_hold (w->server.link, TRUE);
  guint heard = w->server.frames;
  guint64 unheard = flooded_until_still (&rude) - heard * G_GUINT64_CONSTANT (262144);
  assert_in_range (unheard, 8 << 20, 24 << 20);
  link_run_for (100 * TS_MS);
  assert_int_equal (w->server.frames, heard);
  ts_lab_link_hold (w->server.link, FALSE);
  AWAIT (w->server.frames, heard + 400);
  end_rude (&rude, thread);
}

/* The peer reads nothing: the writer waits for a socket that never has room. */
static void
freed_while_the_peer_reads_nothing (void **state)
{
  LinkPair *w = *state;
  Rude rude;
  GThread *thread = be_rude (w, &rude, MANNER_SILENT);
  AWAIT (w->accepted, 1);
  g_autoptr (GBytes) payload = link_noise (TS_FRAME_PAYLOAD_MAX, 6);
  TsFrame frame = {.kind = TS_FRAME_COPY, .payload = payload};
  for (guint i = 0; i < 64; i++)
    ts_lab_link_send (w->server.link, &frame, FALSE);
  link_run_for (300 * TS_MS);
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
  LinkPair *w = *state;
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
listener_freed_in_its_own_events (void **state)
{
  LinkPair *w = *state;
  w->free_listener_in_events = TRUE;
  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  guint16 port = ts_lab_listener_port (w->listener);
  link_connect_to (w, port, link_folder, "hv-paris", "hv-lyon", 5 * TS_S);
  AWAIT (w->accepted, 1);
  assert_null (w->listener);
  link_send_nth (w->client.link, 6); /* the accepted one lives on */
  AWAIT (w->server.frames, 1);

  link_listen_as (w, link_folder, "hv-lyon", 5 * TS_S);
  close (raw_connect (ts_lab_listener_port (w->listener)));
  AWAIT (w->turned_away, 1);
  assert_null (w->listener);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown (name, link_setup, link_teardown)

int
main (void)
{
  struct CMUnitTest tests[64] = {
      LINK_TEST (plain_bytes_instead_of_tls),
      LINK_TEST (a_server_that_is_none),
      LINK_TEST (says_nothing),
      LINK_TEST (says_it_slowly),
      LINK_TEST (handshakes_are_bounded),
      LINK_TEST (listener_freed_during_handshakes),
      LINK_TEST (no_descriptor_left),
      LINK_TEST (no_certificate_at_all),
      LINK_TEST (an_older_tls),
      LINK_TEST (a_flood_is_held_back),
      LINK_TEST (a_link_that_is_held_holds_the_peer),
      LINK_TEST (freed_while_the_peer_reads_nothing),
      LINK_TEST (freed_while_the_inbox_is_full),
      LINK_TEST (listener_freed_in_its_own_events),
  };
  guint count = 0;
  while (tests[count].name)
    count++;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[count++] = (struct CMUnitTest){rows[i].name, certificate_refused, link_setup,
                                         link_teardown, (void *)&rows[i]};
  for (guint i = 0; i < G_N_ELEMENTS (manner_rows); i++)
    tests[count++] = (struct CMUnitTest){manner_rows[i].name, bad_manners, link_setup,
                                         link_teardown, (void *)&manner_rows[i]};
  g_assert (count <= G_N_ELEMENTS (tests));
  return _cmocka_run_group_tests ("link-peers", tests, count, link_make_certificates,
                                  link_remove_certificates);
}
