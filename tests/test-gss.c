/* tests/test-gss.c -- links protected by Kerberos, against a real MIT KDC on loopback: what
 * arrives, and what is refused and why.
 *
 * KDC, database, keytabs and tickets are in a folder of their own, which goes with the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/certificate.h"
#include "lab/site/layout.h"
#include "lab/link/link.h"

#define REALM "TWINSITE.LAB"
#define TEXT(literal) ((char *)(literal)) /* credentials have no const */

enum { PATIENCE_S = 20 };

static char *folder;
static guint16 kdc_port;
static pid_t kdc;

/* --- the KDC -----------------------------------------------------------------------------------
 */

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* A port that was free a moment ago, for UDP and TCP. */
static guint16
find_port (void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *)&at, &size), 0);
  close (fd);
  return ntohs (at.sin_port);
}

static void write_file (const char *name, const char *format, ...) G_GNUC_PRINTF (2, 3);
static void
write_file (const char *name, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *path = in_folder (name);
  assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* By the shell, for at most 20 s; says what went wrong. */
static gboolean run (const char *format, ...) G_GNUC_PRINTF (1, 2);
static gboolean
run (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *command = g_strdup_vprintf (format, args);
  va_end (args);
  const char *const argv[] = {"timeout", "20", "sh", "-c", command, NULL};
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  int status = -1;
  if (g_spawn_sync (folder, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err,
                    &status, NULL) &&
      status == 0)
    return TRUE;
  print_message ("%s: status %d: %s%s\n", command, status, out, err);
  return FALSE;
}

static void
start_kdc (void)
{
  g_autofree char *log = in_folder ("kdc.out");
  kdc = fork ();
  assert_true (kdc >= 0);
  if (kdc == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen (log, "a", stdout) || !freopen (log, "a", stderr))
      _exit (98);
    execl ("/usr/sbin/krb5kdc", "krb5kdc", "-n", NULL);
    _exit (99);
  }
}

static void
stop_kdc (void)
{
  if (kdc <= 0)
    return;
  kill (kdc, SIGKILL);
  waitpid (kdc, NULL, 0);
  kdc = 0;
}

static gboolean
kdc_answers (void)
{
  for (int i = 0; i < 50; i++) {
    if (system ("kinit -k -t paris.keytab -c ready.ccache hvr/hv-paris@" REALM " 2> kinit.err") ==
        0)
      return TRUE;
    g_usleep (200000);
  }
  return run ("cat kinit.err kdc.out; false");
}

static void
set_path (const char *variable, const char *name)
{
  g_autofree char *path = in_folder (name);
  g_setenv (variable, path, TRUE);
}

static int
start_realm (void **state)
{
  folder = g_dir_make_tmp ("ts-gss-XXXXXX", NULL);
  if (!folder || chdir (folder) < 0)
    return -1;
  kdc_port = find_port ();
  set_path ("KRB5_CONFIG", "krb5.conf");
  set_path ("KRB5_KDC_PROFILE", "kdc.conf");
  set_path ("KRB5CCNAME", "default.ccache"); /* must not be used */
  write_file ("krb5.conf",
              "[libdefaults]\n default_realm = " REALM "\n dns_lookup_kdc = false\n"
              " dns_lookup_realm = false\n rdns = false\n dns_canonicalize_hostname = false\n"
              "[realms]\n " REALM " = {\n  kdc = 127.0.0.1:%u\n }\n",
              kdc_port);
  write_file ("kdc.conf",
              "[kdcdefaults]\n kdc_listen = 127.0.0.1:%u\n kdc_tcp_listen = 127.0.0.1:%u\n"
              "[realms]\n " REALM " = {\n  database_name = %s/principal\n"
              "  key_stash_file = %s/stash\n  acl_file = %s/acl\n }\n",
              kdc_port, kdc_port, folder, folder, folder);
  /* "old" keytabs hold keys that were changed since; hv-gone is no principal any more */
  write_file ("principals",
              "addprinc -randkey hvr/hv-paris\naddprinc -randkey hvr/hv-lyon\n"
              "addprinc -randkey hvr/hv-gone\naddprinc -randkey mallory\n"
              "ktadd -k old-paris.keytab hvr/hv-paris\nktadd -k paris.keytab hvr/hv-paris\n"
              "ktadd -k old-lyon.keytab hvr/hv-lyon\nktadd -k lyon.keytab hvr/hv-lyon\n"
              "ktadd -k gone.keytab hvr/hv-gone\ndelprinc -force hvr/hv-gone\n");
  if (!run ("/usr/sbin/kdb5_util create -s -P master -r " REALM) ||
      !run ("/usr/sbin/kadmin.local -r " REALM " < principals && test -s lyon.keytab"))
    return -1;
  start_kdc ();
  if (!kdc_answers () || !ts_lab_certificate_authority (folder, NULL) ||
      !ts_lab_certificate_issue (folder, "hv-paris", NULL))
    return -1;
  return 0;
}

static int
stop_realm (void **state)
{
  stop_kdc ();
  if (chdir ("/") == 0 && folder)
    ts_lab_remove_tree (folder, NULL);
  g_free (folder);
  return 0;
}

/* --- both ends ---------------------------------------------------------------------------------
 */

typedef struct {
  TsLabLink *link;
  guint connected, frames, lost;
  char *peer;
  GError *reason;
  GBytes *last; /* payload */
} End;

typedef struct {
  TsLabListener *listener;
  End client, server;
  guint accepted, turned_away;
  GError *turned_away_reason;
  const void *row;
} World;

static void
on_connected (TsLabLink *link, const char *peer, gpointer user)
{
  End *end = user;
  end->connected++;
  end->peer = g_strdup (peer);
}

static void
on_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  End *end = user;
  end->frames++;
  g_clear_pointer (&end->last, g_bytes_unref);
  end->last = g_steal_pointer (&frame->payload);
}

static void
on_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  End *end = user;
  end->lost++;
  end->reason = g_error_copy (reason);
}

static const TsLabLinkEvents end_events = {on_connected, on_frame, on_lost};

static void
on_accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  World *w = user;
  w->accepted++;
  w->server.link = link;
  w->server.peer = g_strdup (peer);
  ts_lab_link_set_events (link, &end_events, &w->server);
}

static void
on_turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  World *w = user;
  w->turned_away++;
  g_clear_error (&w->turned_away_reason);
  w->turned_away_reason = g_error_copy (reason);
}

static gboolean
on_tick (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

static void
await (const guint *counter, guint least, const char *what)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  guint tick = g_timeout_add (20, on_tick, NULL);
  while (*counter < least && g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (tick);
  if (*counter < least)
    fail_msg ("%s: %u, not %u", what, *counter, least);
}
#define AWAIT(counter, least) await (&(counter), least, #counter)

static void
assert_reason (const GError *reason, int code, const char *says)
{
  assert_non_null (reason);
  if (reason->code != code || !strstr (reason->message, says))
    fail_msg ("\"%s\" (code %d), expected \"%s\" (code %d)", reason->message, reason->code, says,
              code);
}

static void
listen_with (World *w, const char *principal, const char *keytab, gint64 timeout_us)
{
  TsLabCredentials credentials = {.principal = (char *)principal, .keytab = (char *)keytab};
  g_autoptr (GError) error = NULL;
  w->listener =
      ts_lab_listener_new ("127.0.0.1", 0, &credentials, timeout_us,
                           &(TsLabListenerEvents){on_accepted, on_turned_away}, w, &error);
  if (!w->listener)
    fail_msg ("%s", error->message);
}

static void
connect_with (World *w, const TsLabCredentials *credentials, const char *expected)
{
  TsFrame frame = {.kind = TS_FRAME_HELLO}; /* must not be heard by who is not for us */
  w->client.link = ts_lab_link_connect ("127.0.0.1", ts_lab_listener_port (w->listener), expected,
                                        credentials, 10 * TS_S, &end_events, &w->client);
  ts_lab_link_send (w->client.link, &frame, FALSE);
}

static void
end_clear (End *end)
{
  ts_lab_link_free (end->link);
  g_free (end->peer);
  g_clear_error (&end->reason);
  g_clear_pointer (&end->last, g_bytes_unref);
}

static int
setup (void **state)
{
  World *w = g_new0 (World, 1);
  w->row = *state;
  *state = w;
  return 0;
}

static int
teardown (void **state)
{
  World *w = *state;
  ts_lab_listener_free (w->listener);
  end_clear (&w->client);
  end_clear (&w->server);
  g_clear_error (&w->turned_away_reason);
  g_free (w);
  return 0;
}

/* --- what arrives ------------------------------------------------------------------------------
 */

static void
both_prove_who_they_are (void **state)
{
  World *w = *state;
  TsLabCredentials paris = {.principal = TEXT ("hvr/hv-paris@" REALM),
                            .keytab = TEXT ("paris.keytab")};
  listen_with (w, "hvr/hv-lyon@" REALM, "lyon.keytab", 10 * TS_S);
  connect_with (w, &paris, "hv-lyon");
  AWAIT (w->server.frames, 1);
  AWAIT (w->client.connected, 1);
  assert_string_equal (w->client.peer, "hv-lyon");
  assert_string_equal (w->server.peer, "hv-paris");

  /* much, both ways at once: messages are in pieces, and one lock serves both directions */
  guint8 *data = g_malloc (TS_FRAME_PAYLOAD_MAX);
  for (gsize i = 0; i < TS_FRAME_PAYLOAD_MAX; i++)
    data[i] = (guint8)(i * 2654435761u >> 13);
  g_autoptr (GBytes) payload = g_bytes_new_take (data, TS_FRAME_PAYLOAD_MAX);
  TsFrame frame = {.kind = TS_FRAME_LOG, .payload = payload};
  for (guint i = 0; i < 8; i++) {
    ts_lab_link_send (w->client.link, &frame, FALSE);
    ts_lab_link_send (w->server.link, &frame, FALSE);
  }
  AWAIT (w->server.frames, 9);
  AWAIT (w->client.frames, 8);
  assert_true (g_bytes_equal (w->server.last, payload));
  assert_true (g_bytes_equal (w->client.last, payload));

  g_clear_pointer (&w->client.link, ts_lab_link_free);
  AWAIT (w->server.lost, 1);
  assert_reason (w->server.reason, TS_ERROR_LOST, "closed by the peer");
}

/* --- who is refused ----------------------------------------------------------------------------
 */

static const struct row {
  const char *name;
  const char *server_keytab;
  const char *principal, *keytab, *tickets, *expected; /* the client's */
  TsErrorCode code;
  const char *says;        /* the client */
  const char *server_says; /* "": the server never hears of it */
} rows[] = {
    {"a server whose keytab is old", "old-lyon.keytab", "hvr/hv-paris@" REALM, "paris.keytab", NULL,
     "hv-lyon", TS_ERROR_REFUSED, "the peer does not accept us", "the peer's ticket"},
    {"a client whose keytab is old", "lyon.keytab", "hvr/hv-paris@" REALM, "old-paris.keytab", NULL,
     "hv-lyon", TS_ERROR_REFUSED, "hvr/hv-paris", ""},
    {"a client with somebody else's keytab", "lyon.keytab", "hvr/hv-paris@" REALM, "lyon.keytab",
     NULL, "hv-lyon", TS_ERROR_REFUSED, "hvr/hv-paris", ""},
    {"a client that is no principal any more", "lyon.keytab", "hvr/hv-gone@" REALM, "gone.keytab",
     NULL, "hv-lyon", TS_ERROR_REFUSED, "not found in Kerberos database", ""},
    {"a server that is no principal", "lyon.keytab", "hvr/hv-paris@" REALM, "paris.keytab", NULL,
     "hv-nowhere", TS_ERROR_REFUSED, "hv-nowhere@" REALM " not found in Kerberos database", ""},
    {"a server that is another one", "lyon.keytab", "hvr/hv-paris@" REALM, "paris.keytab", NULL,
     "hv-paris", TS_ERROR_REFUSED, "the peer does not accept us", "the peer's ticket"},
    {"no ticket", "lyon.keytab", "hvr/hv-paris@" REALM, "paris.keytab", "none.ccache", "hv-lyon",
     TS_ERROR_REFUSED, "No credentials cache found", ""},
    {"an expired ticket", "lyon.keytab", "hvr/hv-paris@" REALM, "paris.keytab", "expired.ccache",
     "hv-lyon", TS_ERROR_REFUSED, "expired", ""},
    {"a principal that is no host", "lyon.keytab", "mallory@" REALM, "paris.keytab", NULL,
     "hv-lyon", TS_ERROR_ARGUMENT, "a host's is hvr/HOST@REALM", ""},
    {"a keytab that is not there", "lyon.keytab", "hvr/hv-paris@" REALM, "none.keytab", NULL,
     "hv-lyon", TS_ERROR_IO, "none.keytab", ""},
};

static void
refused (void **state)
{
  World *w = *state;
  const struct row *row = w->row;
  g_autofree char *tickets = row->tickets ? in_folder (row->tickets) : NULL;
  TsLabCredentials client = {
      .principal = (char *)row->principal, .keytab = (char *)row->keytab, .tickets = tickets};
  if (g_strcmp0 (row->tickets, "expired.ccache") == 0) {
    assert_true (run ("kinit -l 1s -k -t paris.keytab -c expired.ccache hvr/hv-paris"));
    g_usleep (2500000);
  }
  listen_with (w, "hvr/hv-lyon@" REALM, row->server_keytab, 10 * TS_S);
  connect_with (w, &client, row->expected);
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, (int)row->code, row->says);
  g_clear_pointer (&w->client.link, ts_lab_link_free); /* closes what it has opened */
  AWAIT (w->turned_away, row->code == TS_ERROR_REFUSED ? 1 : 0);
  if (*row->server_says)
    assert_reason (w->turned_away_reason, TS_ERROR_REFUSED, row->server_says);
  assert_int_equal (w->client.connected, 0);
  assert_int_equal (w->accepted, 0);
}

/* --- who does not speak Kerberos ---------------------------------------------------------------
 */

static void
say_raw (World *w, const void *bytes, gsize len_bytes)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
  guint turned_away = w->turned_away;
  to.sin_port = htons (ts_lab_listener_port (w->listener));
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (connect (fd, (struct sockaddr *)&to, sizeof to), 0);
  assert_int_equal (send (fd, bytes, len_bytes, MSG_NOSIGNAL), len_bytes);
  AWAIT (w->turned_away, turned_away + 1);
  close (fd);
}

static void
garbage (void **state)
{
  World *w = *state;
  static const guint8 too_long[] = {0, 1, 0, 1, 'x'}, plain[] = {0, 0, 0, 4, 'b', 'l', 'a', 'h'},
                      nonsense[] = {0, 0, 0, 5, 0x60, 3, 1, 2, 3}, nothing[] = {0, 0, 0, 0},
                      unfinished[] = {0, 0, 0, 9, 'x'};
  listen_with (w, "hvr/hv-lyon@" REALM, "lyon.keytab", TS_S);
  say_raw (w, "GET / HTTP/1.1\r\n\r\n", 18);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak Kerberos as we do");
  say_raw (w, too_long, sizeof too_long);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "a token of 65537 bytes");
  say_raw (w, plain, sizeof plain);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak Kerberos as we do");
  say_raw (w, nonsense, sizeof nonsense);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "the peer's ticket");
  say_raw (w, nothing, sizeof nothing);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak Kerberos as we do");
  say_raw (w, unfinished, sizeof unfinished); /* and then silence */
  assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  say_raw (w, "", 0);
  assert_reason (w->turned_away_reason, TS_ERROR_LOST, "no answer in time");
  assert_int_equal (w->accepted, 0);
}

static void
certificates_are_no_tickets (void **state)
{
  World *w = *state;
  TsLabCredentials tls = {
      .ca = TEXT ("ca.pem"), .certificate = TEXT ("hv-paris.pem"), .key = TEXT ("hv-paris.key")};
  listen_with (w, "hvr/hv-lyon@" REALM, "lyon.keytab", 10 * TS_S);
  connect_with (w, &tls, "hv-lyon");
  AWAIT (w->client.lost, 1);
  AWAIT (w->turned_away, 1);
  assert_reason (w->turned_away_reason, TS_ERROR_FORMAT, "does not speak Kerberos as we do");
  assert_int_equal (w->client.connected, 0);
}

/* Last: there is none after it.  Nobody has said no, so it is worth another try. */
static void
no_kdc (void **state)
{
  World *w = *state;
  g_autofree char *keytab = in_folder ("lyon.keytab"); /* of another name: no tickets kept for it */
  TsLabCredentials lyon = {.principal = TEXT ("hvr/hv-lyon@" REALM), .keytab = keytab};
  stop_kdc ();
  listen_with (w, "hvr/hv-lyon@" REALM, "lyon.keytab", 10 * TS_S);
  connect_with (w, &lyon, "hv-lyon");
  AWAIT (w->client.lost, 1);
  assert_reason (w->client.reason, TS_ERROR_LOST, "Cannot contact any KDC");
}

int
main (void)
{
  static const char *const needed[][2] = {{"/usr/sbin/krb5kdc", "krb5-kdc"},
                                          {"/usr/sbin/kdb5_util", "krb5-kdc"},
                                          {"/usr/sbin/kadmin.local", "krb5-admin-server"},
                                          {"/usr/bin/kinit", "krb5-user"}};
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 4];
  gsize n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (needed); i++)
    if (access (needed[i][0], X_OK) < 0) {
      fprintf (stderr, "skipped: %s is missing: apt-get install %s\n", needed[i][0], needed[i][1]);
      return 77;
    }
#define T(test)                                                                                    \
  tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown (test, setup, teardown)
  T (both_prove_who_they_are);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[n++] = (struct CMUnitTest){rows[i].name, refused, setup, teardown, (void *)&rows[i]};
  T (garbage);
  T (certificates_are_no_tickets);
  T (no_kdc);
  return cmocka_run_group_tests (tests, start_realm, stop_realm);
}
