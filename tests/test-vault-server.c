/* tests/test-vault-server.c -- who may ask a vault, and how; before anything reaches it.
 *
 * The server runs in a process of its own; what stands behind it here only says what it was asked.
 * That all routes are answered as documented is tests/test-vault-rest.c, on a real vault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/vault/json.h"
#include "lab/vault/server.h"

/* --- the server's process --------------------------------------------------------------------- */

static TsLabServer *the_server;

static gboolean
late (gpointer data)
{
  TsVaultReply reply = {.id = *(guint64 *)data, .status = 204};
  ts_lab_server_reply (the_server, &reply);
  g_free (data);
  return G_SOURCE_REMOVE;
}

static void
request (TsLabServer *server, const TsVaultRequest *asked, gpointer user)
{
  TsVaultReply reply = {.id = asked->id, .status = 200};
  g_autoptr (GVariant) body = NULL;
  if (g_str_has_prefix (asked->path, "never"))
    return;
  if (g_str_has_prefix (asked->path, "late")) {
    g_timeout_add (150, late, g_memdup2 (&asked->id, sizeof asked->id));
    return;
  }
  if (g_str_has_prefix (asked->path, "dead")) {
    ts_lab_server_fail (server, asked->id, "the vault is being started");
    return;
  }
  if (g_str_equal (asked->path, "begin")) {
    reply.status = 202;
    reply.location = (char *)"replicationJobs/job-7";
    body = g_variant_new_parsed ("{'name': <'job-7'>}");
  } else if (g_str_has_prefix (asked->path, "replicationJobs/")) {
    gboolean done = g_str_has_suffix (asked->path, "done");
    body = g_variant_new_parsed ("{'name': <'job-7'>, 'properties': <{'state': <%s>}>}",
                                 done ? "Succeeded" : "Suspended");
  } else if (g_str_equal (asked->path, "flood")) { /* 100 KiB to each watcher */
    static guint number;
    for (guint i = 0; i < 100; i++) {
      g_autofree char *path = g_strdup_printf ("%01000u", number++);
      ts_lab_server_changed (server, path);
    }
    reply.status = 204;
  } else if (g_str_equal (asked->path, "touch")) {
    ts_lab_server_changed (server, "replicationJobs/job-7");
    ts_lab_server_changed (server, "replicationJobs/job-7");
    reply.status = 204;
  } else {
    GVariantDict said;
    g_variant_dict_init (&said, NULL);
    g_variant_dict_insert (&said, "method", "s", ts_vault_method_name (asked->method));
    g_variant_dict_insert (&said, "path", "s", asked->path);
    if (asked->body)
      g_variant_dict_insert_value (&said, "body", asked->body);
    body = g_variant_dict_end (&said);
  }
  if (body)
    g_variant_ref_sink (body);
  reply.body = body;
  ts_lab_server_reply (server, &reply);
}

typedef struct {
  pid_t pid;
  guint16 port;
} Process;

static Process
start (const TsLabServerOptions *options)
{
  static const TsLabServerEvents events = {.request = request};
  int ends[2];
  Process process = {0};
  assert_int_equal (pipe (ends), 0);
  process.pid = fork ();
  if (process.pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    g_autoptr (GError) error = NULL;
    the_server = ts_lab_server_new (options, &events, NULL, &error);
    if (!the_server) {
      fprintf (stderr, "%s\n", error->message);
      _exit (1);
    }
    guint16 port = ts_lab_server_port (the_server);
    if (write (ends[1], &port, sizeof port) != sizeof port)
      _exit (1);
    g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
    g_main_loop_run (loop);
  }
  close (ends[1]);
  assert_int_equal (read (ends[0], &process.port, sizeof process.port), sizeof process.port);
  close (ends[0]);
  return process;
}

static void
stop (Process *process)
{
  kill (process->pid, SIGKILL);
  waitpid (process->pid, NULL, 0);
}

/* --- the client, which says exactly what a test wants ------------------------------------------ */

static int
connect_with (guint16 port, int room_bytes)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons (port)};
  struct timeval patience = {.tv_sec = 20};
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (room_bytes > 0)
    setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof room_bytes);
  assert_int_equal (connect (fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static int
connect_to (guint16 port)
{
  return connect_with (port, 0);
}

static void
say (int fd, const char *text, gsize len)
{
  while (len > 0) {
    gssize sent = send (fd, text, len, MSG_NOSIGNAL);
    if (sent <= 0)
      return; /* it has hung up, as it may */
    text += sent;
    len -= (gsize)sent;
  }
}

static char *
hear (int fd, const char *until) /* all, or until it is in it */
{
  GString *heard = g_string_new (NULL);
  char piece[4096];
  gssize got;
  while (!(until && strstr (heard->str, until)) && (got = recv (fd, piece, sizeof piece, 0)) > 0)
    g_string_append_len (heard, piece, got);
  return g_string_free (heard, FALSE);
}

/* head: "GET /x HTTP/1.1\r\nX: y\r\n", Host and Connection are added unless they are in it. */
static char *
ask (guint16 port, const char *head, const char *body)
{
  g_autoptr (GString) text = g_string_new (head);
  if (!strstr (head, "Host:"))
    g_string_append_printf (text, "Host: 127.0.0.1:%u\r\n", port);
  g_string_append (text, "Connection: close\r\n");
  if (body)
    g_string_append_printf (text, "Content-Length: %zu\r\n", strlen (body));
  g_string_append_printf (text, "\r\n%s", body ? body : "");
  int fd = connect_to (port);
  say (fd, text->str, text->len);
  char *heard = hear (fd, NULL);
  close (fd);
  return heard;
}

static void
expect (guint16 port, const char *head, const char *body, guint status, const char *says)
{
  g_autofree char *heard = ask (port, head, body);
  g_autofree char *line = g_strdup_printf ("HTTP/1.1 %u ", status);
  if (!g_str_has_prefix (heard, line) || (says && !strstr (heard, says)))
    fail_msg ("%s\nexpected %u and %s, heard:\n%s", head, status, says ? says : "anything", heard);
}

#define GET(path, more) "GET " path " HTTP/1.1\r\n" more
#define POST(path, more) "POST " path " HTTP/1.1\r\nContent-Type: application/json\r\n" more

static Process open_one; /* on loopback, without a token */

static int
setup (void **state)
{
  const TsLabServerOptions options = {.vault = "contoso"};
  open_one = start (&options);
  return 0;
}

static int
teardown (void **state)
{
  stop (&open_one);
  return 0;
}

static void
asks_the_vault (void **state)
{
  guint16 p = open_one.port;
  expect (p, GET ("/vaults/contoso/replicationJobs", ""), NULL, 200, "\"path\": \"replicationJobs\"");
  expect (p, GET ("/vaults/contoso/a%20b/c", ""), NULL, 200, "\"path\": \"a b/c\"");
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\": [1, true, {\"b\": \"\\u00e9\"}]}", 200,
          "\"b\": \"\xc3\xa9\"");
  expect (p, "DELETE /vaults/contoso/x HTTP/1.1\r\n", NULL, 200, "\"method\": \"DELETE\"");
  expect (p, "HEAD /vaults/contoso/x HTTP/1.1\r\n", NULL, 200, NULL);
  expect (p, GET ("/vaults/contoso/late", ""), NULL, 204, NULL);
  expect (p, GET ("/vaults/contoso/dead", ""), NULL, 503, "is being started");
}

static void
long_operations (void **state)
{
  guint16 p = open_one.port;
  g_autofree char *heard = ask (p, POST ("/vaults/contoso/begin", ""), NULL);
  g_autofree char *async = g_strdup_printf (
      "Azure-AsyncOperation: http://127.0.0.1:%u/vaults/contoso/operations/job-7\r\n", p);
  g_autofree char *location = g_strdup_printf (
      "Location: http://127.0.0.1:%u/vaults/contoso/operationResults/job-7\r\n", p);
  assert_true (g_str_has_prefix (heard, "HTTP/1.1 202 "));
  assert_non_null (strstr (heard, async));
  assert_non_null (strstr (heard, location));
  assert_non_null (strstr (heard, "Retry-After: 1\r\n"));
  expect (p, GET ("/vaults/contoso/operations/job-7", ""), NULL, 200, "\"InProgress\"");
  expect (p, GET ("/vaults/contoso/operations/job-done", ""), NULL, 200, "\"Succeeded\"");
  expect (p, GET ("/vaults/contoso/operationResults/job-7", ""), NULL, 202, "Retry-After");
  expect (p, GET ("/vaults/contoso/operationResults/job-done", ""), NULL, 200, "Succeeded");
  expect (p, POST ("/vaults/contoso/operations/job-7", ""), "{}", 405, "MethodNotAllowed");
}

static void
bad_requests (void **state)
{
  guint16 p = open_one.port;
  g_autofree char *deep = g_strnfill (5000, '[');
  g_autofree char *deeper = g_strconcat ("{\"a\": ", deep, NULL);
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\":\n  tru}", 400, "line 2, column 3");
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\": 1, \"a\": 2}", 400, "there twice");
  expect (p, POST ("/vaults/contoso/x", ""), "[1]", 400, "expected an object");
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\": 1.5}", 400, "whole numbers");
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\": null}", 400, "leave the field out");
  expect (p, POST ("/vaults/contoso/x", ""), "{\"a\": \"\xff\"}", 400, "not UTF-8");
  expect (p, POST ("/vaults/contoso/x", ""), deeper, 400, "nested too deeply");
  expect (p, "POST /vaults/contoso/x HTTP/1.1\r\nContent-Type: text/plain\r\n", "{}", 415,
          "not text/plain");
  expect (p, "POST /vaults/contoso/x HTTP/1.1\r\n", "{}", 415, "of no type at all");
  expect (p, GET ("/vaults/contoso/x", "Content-Type: application/json\r\n"), "{}", 400, "takes no body");
  expect (p, "BREW /vaults/contoso/x HTTP/1.1\r\n", NULL, 405, "BREW");
  expect (p, GET ("/vaults/contoso/a//b", ""), NULL, 404, "NotFound");
  expect (p, GET ("/vaults/contoso/a/..%2f..%2fetc", ""), NULL, 400, NULL); /* libsoup's own word */
  expect (p, GET ("/vaults/contoso/a/%2e", ""), NULL, 404, NULL);
  expect (p, GET ("/vaults/contoso/a%0a", ""), NULL, 404, "NotFound");
  expect (p, GET ("/vaults/fabrikam/x", ""), NULL, 404, "/vaults/contoso/");
  expect (p, GET ("/demo/cut", ""), NULL, 404, "no button");
  expect (p, "POST / HTTP/1.1\r\n", NULL, 405, "Allow: GET, HEAD");
  expect (p, "POST /openapi.json HTTP/1.1\r\n", NULL, 405, NULL);
}

static void
too_much (void **state)
{
  guint16 p = open_one.port;
  g_autofree char *large = g_strnfill (TS_LAB_SERVER_BODY_MAX + 1, ' ');
  expect (p, POST ("/vaults/contoso/x", "Expect: 100-continue\r\nContent-Length: 99999999\r\n"), NULL,
          413, "BodyTooLarge");
  g_autofree char *chunked =
      g_strdup_printf ("POST /vaults/contoso/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                       p);
  int raw = connect_to (p);
  say (raw, chunked, strlen (chunked));
  g_autofree char *told = hear (raw, NULL);
  close (raw);
  assert_non_null (strstr (told, "LengthRequired"));
  /* one that is sent all the same: hung up on, and never asked of the vault */
  int fd = connect_to (p);
  g_autofree char *head = g_strdup_printf ("POST /vaults/contoso/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                                           "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
                                           p, TS_LAB_SERVER_BODY_MAX + 1);
  say (fd, head, strlen (head));
  say (fd, large, strlen (large));
  g_autofree char *heard = hear (fd, NULL);
  close (fd);
  assert_null (strstr (heard, "200 OK"));
  /* headers without end */
  g_autofree char *many = g_strnfill (200 * 1024, 'x');
  g_autofree char *header = g_strdup_printf (GET ("/vaults/contoso/x", "X-Long: %s\r\n"), many);
  g_autofree char *answer = ask (p, header, NULL);
  assert_null (strstr (answer, "200 OK"));
  expect (p, GET ("/vaults/contoso/x", ""), NULL, 200, NULL); /* it lives */
}

static void
other_origins (void **state)
{
  guint16 p = open_one.port;
  g_autofree char *same = g_strdup_printf (POST ("/vaults/contoso/x", "Origin: http://127.0.0.1:%u\r\n"), p);
  g_autofree char *host = g_strdup_printf (GET ("/", "Host: localhost:%u\r\n"), p);
  g_autofree char *port = g_strdup_printf (GET ("/", "Host: localhost:%u\r\n"), p + 1u);
  expect (p, same, "{}", 200, NULL);
  expect (p, host, NULL, 200, NULL);
  expect (p, port, NULL, 403, "ForeignHost");
  expect (p, GET ("/vaults/contoso/x", "Host: evil.example:80\r\n"), NULL, 403, "ForeignHost");
  expect (p, GET ("/", "Host: 127.0.0.1.evil.example\r\n"), NULL, 403, "ForeignHost");
  expect (p, POST ("/vaults/contoso/x", "Origin: http://evil.example\r\n"), "{}", 403, "ForeignOrigin");
  expect (p, POST ("/vaults/contoso/x", "Origin: null\r\n"), "{}", 403, "ForeignOrigin");
  expect (p, GET ("/events", "Origin: http://evil.example\r\n"), NULL, 403, "ForeignOrigin");
  expect (p, GET ("/vaults/contoso/x", "Sec-Fetch-Site: cross-site\r\n"), NULL, 403, "ForeignOrigin");
}

static void
headers (void **state)
{
  static const char *const wanted[] = {"Content-Security-Policy: default-src 'none'", "nosniff",
                                       "X-Frame-Options: DENY", "Cache-Control: no-store"};
  static const char *const paths[] = {"/", "/portal.js", "/about", "/openapi.json", "/nothing",
                                      "/vaults/contoso/x"};
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_autofree char *head = g_strdup_printf ("GET %s HTTP/1.1\r\n", paths[i]);
    g_autofree char *heard = ask (open_one.port, head, NULL);
    for (guint w = 0; w < G_N_ELEMENTS (wanted); w++)
      if (!strstr (heard, wanted[w]))
        fail_msg ("%s lacks %s", paths[i], wanted[w]);
  }
}

static void
documents_itself (void **state)
{
  g_autofree char *heard = ask (open_one.port, GET ("/openapi.json", ""), NULL);
  const char *body = strstr (heard, "\r\n\r\n");
  g_autoptr (GError) error = NULL;
  assert_non_null (body);
  g_autoptr (GVariant) document = ts_json_parse (body + 4, strlen (body + 4), &error);
  if (!document)
    fail_msg ("%s", error->message);
  g_autoptr (GVariant) paths = g_variant_lookup_value (document, "paths", G_VARIANT_TYPE_VARDICT);
  assert_true (g_variant_n_children (paths) > 40);
}

static void
tells_what_changes (void **state)
{
  guint16 p = open_one.port;
  g_autofree char *head = g_strdup_printf (GET ("/events", "Host: 127.0.0.1:%u\r\n\r\n"), p);
  int fd = connect_to (p);
  say (fd, head, strlen (head));
  g_autofree char *hello = hear (fd, "event: hello\ndata: {\"vault\": \"contoso\"}\n\n");
  assert_non_null (strstr (hello, "text/event-stream"));
  expect (p, POST ("/vaults/contoso/touch", ""), NULL, 204, NULL);
  g_autofree char *changed = hear (fd, "event: changed");
  g_autofree char *rest = strstr (changed, "\n\n") ? g_strdup ("") : hear (fd, "\n\n");
  g_autofree char *all = g_strconcat (changed, rest, NULL);
  if (!strstr (all, "data: {\"paths\": [\"replicationJobs/job-7\"]}")) /* once, however often */
    fail_msg ("%s", all);
  close (fd);
}

static void
bounded_watchers (void **state)
{
  guint16 p = open_one.port;
  int fds[TS_LAB_SERVER_WATCHERS_MAX];
  g_autofree char *head =
      g_strdup_printf (GET ("/events", "Connection: close\r\nHost: 127.0.0.1:%u\r\n\r\n"), p);
  g_usleep (200000); /* those of other tests are gone */
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = connect_to (p);
    say (fds[i], head, strlen (head));
    g_free (hear (fds[i], "event: hello"));
  }
  expect (p, GET ("/events", ""), NULL, 503, "TooManyWatchers");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  for (guint try = 0; try < 50; try++) { /* who is gone makes room */
    g_usleep (100000);
    expect (p, POST ("/vaults/contoso/touch", ""), NULL, 204, NULL);
    int fd = connect_to (p);
    say (fd, head, strlen (head));
    g_autofree char *heard = hear (fd, "\n\n");
    close (fd);
    if (strstr (heard, "200 OK"))
      return;
  }
  fail_msg ("watchers that are gone still count");
}

static void
bounded_waiting (void **state)
{
  guint16 p = open_one.port;
  int fds[TS_LAB_SERVER_WAITING_MAX];
  g_autofree char *head = g_strdup_printf (GET ("/vaults/contoso/never", "Host: 127.0.0.1:%u\r\n\r\n"), p);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = connect_to (p);
    say (fds[i], head, strlen (head));
    g_usleep (3000); /* what waits to be accepted is bounded, too */
  }
  g_autofree char *refused = NULL;
  for (guint try = 0; try < 50 && !refused; try++) {
    g_usleep (100000);
    g_autofree char *heard = ask (p, GET ("/vaults/contoso/late", ""), NULL);
    if (strstr (heard, "TooManyRequests"))
      refused = g_steal_pointer (&heard);
  }
  assert_non_null (refused);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* Until it is hung up on; how long that took, in milliseconds. */
static gint64
until_thrown_out (int fd, const char *drip)
{
  char buffer[4096];
  gint64 from_us = g_get_monotonic_time ();
  struct timeval tenth = {.tv_usec = 100000};
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth);
  for (gint64 past_ms = 0; past_ms < 15000; past_ms = (g_get_monotonic_time () - from_us) / 1000) {
    if (drip)
      say (fd, drip, strlen (drip));
    gssize count = recv (fd, buffer, sizeof buffer, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
      return (g_get_monotonic_time () - from_us) / 1000;
  }
  return G_MAXINT64;
}

#define REQUEST_MS 1200
#define STALL_MS 2000

/* Who takes his time with a request, however busily, is not waited for. */
static void
slow_clients (void **state)
{
  const TsLabServerOptions options = {.vault = "contoso", .request_ms = REQUEST_MS, .stall_ms = STALL_MS};
  Process process = start (&options);
  g_autofree char *host = g_strdup_printf ("Host: 127.0.0.1:%u\r\n", process.port);
  g_autofree char *head = g_strconcat ("POST /vaults/contoso/x HTTP/1.1\r\n", host, NULL);
  g_autofree char *body = g_strconcat (head, "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", NULL);
  g_autofree char *whole = g_strconcat ("GET /vaults/contoso/x HTTP/1.1\r\n", host, "\r\n", NULL);
  const struct {
    const char *what, *said, *drip;
  } rows[] = {
      {"says nothing", "", NULL},
      {"begins a header and stops", head, NULL},
      {"drips a header", head, "X-A: b\r\n"},
      {"begins a body and stops", body, NULL},
      {"drips a body", body, " "},
      {"keeps a connection without a request", whole, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    int fd = connect_to (process.port);
    say (fd, rows[i].said, strlen (rows[i].said));
    gint64 took_ms = until_thrown_out (fd, rows[i].drip);
    if (took_ms < REQUEST_MS * 3 / 4 || took_ms > REQUEST_MS * 5)
      fail_msg ("who %s is thrown out after %" G_GINT64_FORMAT " ms, not about %d", rows[i].what, took_ms, REQUEST_MS);
    close (fd);
  }
  expect (process.port, GET ("/vaults/contoso/x", ""), NULL, 200, NULL);
  /* an answer that takes longer than that is waited for all the same */
  int waits = connect_to (process.port);
  g_autofree char *never = g_strconcat ("GET /vaults/contoso/never HTTP/1.1\r\n", host, "\r\n", NULL);
  say (waits, never, strlen (never));
  struct timeval patience = {.tv_sec = 2};
  setsockopt (waits, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte;
  assert_true (recv (waits, &byte, 1, 0) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
  close (waits);
  stop (&process);
}

/* A watcher that reads stays, long past all limits; one that does not is cut off. */
static void
watchers_that_do_not_read (void **state)
{
  const TsLabServerOptions options = {.vault = "contoso", .request_ms = REQUEST_MS, .stall_ms = STALL_MS};
  Process process = start (&options);
  g_autofree char *head = g_strdup_printf (GET ("/events", "Host: 127.0.0.1:%u\r\n\r\n"), process.port);
  int reads = connect_to (process.port), sleeps = connect_with (process.port, 4096);
  say (reads, head, strlen (head));
  say (sleeps, head, strlen (head));
  g_free (hear (reads, "event: hello"));
  g_free (hear (sleeps, "event: hello"));
  struct timeval tenth = {.tv_usec = 100000};
  setsockopt (reads, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth);
  gint64 from_us = g_get_monotonic_time ();
  guint64 read_bytes = 0;
  char *buffer = g_malloc (1 << 20);
  while (g_get_monotonic_time () < from_us + 8 * G_USEC_PER_SEC || read_bytes < 12 << 20) {
    expect (process.port, POST ("/vaults/contoso/flood", ""), NULL, 204, NULL);
    gssize count = recv (reads, buffer, 1 << 20, 0);
    assert_true (count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)));
    read_bytes += count > 0 ? (guint64)count : 0;
  }
  /* what was in the other one's buffers can be read, then it ends */
  gssize count;
  guint64 got_bytes = 0;
  while ((count = recv (sleeps, buffer, 1 << 20, 0)) > 0 && got_bytes < 10 << 20)
    got_bytes += (guint64)count;
  assert_true (count == 0 || (count < 0 && errno == ECONNRESET));
  print_message ("%" G_GUINT64_FORMAT " bytes were read by who reads, %" G_GUINT64_FORMAT " kept for who does not\n", read_bytes, got_bytes);
  g_free (buffer);
  close (reads);
  close (sleeps);
  stop (&process);
}

static void
tokens (void **state)
{
  const TsLabServerOptions options = {.vault = "contoso", .token = "correct-horse-battery"};
  Process closed = start (&options);
  guint16 p = closed.port;
  expect (p, GET ("/vaults/contoso/x", ""), NULL, 401, "WWW-Authenticate: Bearer");
  expect (p, GET ("/vaults/contoso/x", "Authorization: Bearer wrong\r\n"), NULL, 401, "not the vault's");
  expect (p, GET ("/vaults/contoso/x", "Authorization: Bearer correct-horse-batterz\r\n"), NULL, 401, NULL);
  expect (p, GET ("/vaults/contoso/x", "Authorization: Bearer correct-horse-battery\r\n"), NULL, 200, NULL);
  expect (p, GET ("/events", ""), NULL, 401, NULL);
  expect (p, GET ("/openapi.json", ""), NULL, 401, NULL);
  expect (p, GET ("/", ""), NULL, 200, NULL); /* the portal's page holds nothing; it asks for the token */
  stop (&closed);
}

static void
refuses_to_be_open (void **state)
{
  static const TsLabServerEvents events = {.request = request};
  static const struct {
    TsLabServerOptions options;
    const char *says;
  } rows[] = {
      {{.vault = "c", .address = "0.0.0.0"}, "not loopback"},
      {{.vault = "c", .address = "0.0.0.0", .token = "correct-horse-battery"}, "not loopback"},
      {{.vault = "c", .token = "short"}, "at least 16"},
      {{.vault = "c", .address = "example.org"}, "no numeric address"},
      {{.vault = "c", .certificate = "/nowhere.pem"}, "and its key"},
      {{.vault = "c", .certificate = "/nowhere.pem", .key = "/nowhere.key"}, "/nowhere"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (TsLabServer) server = ts_lab_server_new (&rows[i].options, &events, NULL, &error);
    assert_null (server);
    if (!g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT) || !strstr (error->message, rows[i].says))
      fail_msg ("%s", error->message);
  }
  g_autoptr (GError) error = NULL;
  const TsLabServerOptions taken = {.vault = "c", .port = open_one.port};
  g_autoptr (TsLabServer) server = ts_lab_server_new (&taken, &events, NULL, &error);
  assert_null (server);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (asks_the_vault),    cmocka_unit_test (long_operations),
      cmocka_unit_test (bad_requests),      cmocka_unit_test (too_much),
      cmocka_unit_test (other_origins),     cmocka_unit_test (headers),
      cmocka_unit_test (documents_itself),  cmocka_unit_test (tells_what_changes),
      cmocka_unit_test (bounded_watchers),  cmocka_unit_test (bounded_waiting),
      cmocka_unit_test (tokens),            cmocka_unit_test (refuses_to_be_open),
      cmocka_unit_test (slow_clients),      cmocka_unit_test (watchers_that_do_not_read),
  };
  return cmocka_run_group_tests (tests, setup, teardown);
}
