/* tests/test-vault-tls.c -- a vault served over TLS to who has the token: the command line, as people use
 * it, against the process as they start it.  twinsite is given as the first argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <arpa/inet.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/link/certificate.h"
#include "lab/site/layout.h"
#include "lab/vault/server.h"

#define REQUEST_MS 1500

static const char *twinsite;
static char *folder, *url;
static guint16 port;
static GSubprocess *server;

static char *
at (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GSubprocess *
serve (const char *certificate, guint16 on)
{
  g_autofree char *pem = g_strdup_printf ("%s/%s.pem", folder, certificate);
  g_autofree char *key = g_strdup_printf ("%s/%s.key", folder, certificate);
  g_autofree char *store = g_strdup_printf ("%s/%s.sqlite", folder, certificate);
  g_autofree char *token = at ("token"), *number = g_strdup_printf ("%u", on);
  g_autoptr (GError) error = NULL;
  const char *const argv[] = {twinsite, "vault", "serve", "--new", "--store", store, "--address", "0.0.0.0", "--port", number,
                              "--certificate", pem, "--key", key, "--token-file", token, NULL};
  GSubprocess *process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  if (!process)
    fail_msg ("%s", error->message);
  char line[200]; /* it says where it is, once it is there */
  gssize count = g_input_stream_read (g_subprocess_get_stdout_pipe (process), line, sizeof line - 1, NULL, &error);
  line[MAX (count, 0)] = '\0';
  if (!strstr (line, "https://"))
    fail_msg ("the vault is not served: %s", line);
  return process;
}

static void
stop (GSubprocess *process)
{
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  g_object_unref (process);
}

static int
setup (void **state)
{
  g_autoptr (GError) error = NULL;
  folder = g_dir_make_tmp ("twinsite-tls-XXXXXX", &error);
  g_autofree char *other = at ("other"), *token = at ("token"), *wrong = at ("wrong-token"), *empty = at ("empty");
  if (!folder || g_mkdir (other, 0755) < 0 || !ts_lab_certificate_authority (folder, &error) ||
      !ts_lab_certificate_authority (other, &error) || !ts_lab_certificate_issue (folder, "localhost", &error) ||
      !ts_lab_certificate_issue (folder, "elsewhere", &error) ||
      !ts_lab_certificate_issue_kind (folder, "late.localhost", TS_LAB_CERTIFICATE_EXPIRED, &error) ||
      !g_file_set_contents (token, "correct-horse-battery\n", -1, &error) || !g_file_set_contents (empty, "", -1, &error) ||
      !g_file_set_contents (wrong, "correct-horse-batterz\n", -1, &error)) {
    print_message ("%s\n", error ? error->message : "no folder");
    return -1;
  }
  port = (guint16)(21000 + getpid () % 20000);
  url = g_strdup_printf ("https://localhost:%u", port);
  server = serve ("localhost", port);
  return 0;
}

static int
teardown (void **state)
{
  stop (server);
  ts_lab_remove_tree (folder, NULL);
  g_free (folder);
  g_free (url);
  return 0;
}

/* Asks for the vault's health; ca, token: files of the folder, NULL: not said.  The exit code. */
static int
ask (const char *where, const char *ca, const char *token, char **said)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  const char *const words[] = {twinsite, "vault", "get", "replicationVaultHealth", "--json", "--url", where};
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    g_ptr_array_add (argv, g_strdup (words[i]));
  if (ca) {
    g_ptr_array_add (argv, g_strdup ("--ca"));
    g_ptr_array_add (argv, at (ca));
  }
  if (token) {
    g_ptr_array_add (argv, g_strdup ("--token-file"));
    g_ptr_array_add (argv, at (token));
  }
  g_ptr_array_add (argv, NULL);
  g_autoptr (GSubprocess) process =
      g_subprocess_newv ((const char *const *)argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  if (!process || !g_subprocess_communicate_utf8 (process, NULL, NULL, said, NULL, &error))
    fail_msg ("%s", error->message);
  return g_subprocess_get_exit_status (process);
}

static void
who_may_ask (void **state)
{
  g_autofree char *plain = g_strdup_printf ("http://localhost:%u", port), *number = g_strdup_printf ("https://127.0.0.1:%u", port);
  const struct {
    const char *what, *url, *ca, *token;
    gboolean good;
    const char *says;
  } rows[] = {
      {"all is right", url, "ca.pem", "token", TRUE, "vaultHealth"},
      {"the wrong authority", url, "other/ca.pem", "token", FALSE, "certificate"},
      {"no authority that has signed it", url, NULL, "token", FALSE, "certificate"},
      {"another name than the certificate's", number, "ca.pem", "token", FALSE, "certificate"},
      {"no token", url, "ca.pem", NULL, FALSE, "token"},
      {"the wrong token", url, "ca.pem", "wrong-token", FALSE, "token"},
      {"an empty token", url, "ca.pem", "empty", FALSE, "token"},
      {"no TLS", plain, NULL, "token", FALSE, NULL},
      {"an authority that is no file", url, "nowhere.pem", "token", FALSE, "nowhere.pem"},
      {"all is right again", url, "ca.pem", "token", TRUE, "vaultHealth"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *said = NULL;
    int status = ask (rows[i].url, rows[i].ca, rows[i].token, &said);
    if ((status == 0) != rows[i].good || (rows[i].says && !strstr (said, rows[i].says)) ||
        (!rows[i].good && strstr (said, "fabricsRegistered")))
      fail_msg ("%s: exit code %d, and it said:\n%s", rows[i].what, status, said);
  }
}

/* What cannot be a vault's store is refused by the process, and left as it is. */
static void
stores_that_are_none (void **state)
{
  g_autofree char *good = at ("elsewhere.sqlite"), *text = NULL;
  gsize len = 0;
  GSubprocess *once = serve ("elsewhere", (guint16)(port + 7));
  g_subprocess_send_signal (once, SIGTERM); /* so that all is in the one file */
  g_subprocess_wait (once, NULL, NULL);
  g_object_unref (once);
  assert_true (g_file_get_contents (good, &text, &len, NULL) && len > 4096);
  g_autofree char *newer = g_memdup2 (text, len);
  newer[63] = 99; /* SQLite's user_version: the layout of the tables */
  const struct {
    const char *what, *file, *content;
    gssize bytes;
    const char *says;
  } rows[] = {
      {"there is none, and --new was not said", "nowhere.sqlite", NULL, 0, "nowhere.sqlite"},
      {"it is something else", "text.sqlite", "this is no database, whatever its name may say\n", -1, "text.sqlite"},
      {"its first half is torn away", "half.sqlite", text + len / 2, (gssize)(len - len / 2), "half.sqlite"},
      {"it is of a newer version", "newer.sqlite", newer, (gssize)len, "newer"},
      {"its second half is torn away", "short.sqlite", text, (gssize)(len / 2), "short.sqlite"},
      {"its folder is not there", "no/such/folder.sqlite", NULL, 0, "no/such"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *path = at (rows[i].file), *after = NULL, *said = NULL;
    g_autoptr (GError) error = NULL;
    gsize after_bytes = 0, content_bytes = rows[i].bytes < 0 ? strlen (rows[i].content) : (gsize)rows[i].bytes;
    if (rows[i].content)
      assert_true (g_file_set_contents (path, rows[i].content, (gssize)content_bytes, NULL));
    const char *const argv[] = {twinsite, "vault", "serve", "--store", path, "--port", "0", NULL};
    g_autoptr (GSubprocess) process =
        g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
    assert_non_null (process);
    assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &said, NULL, &error));
    if (g_subprocess_get_exit_status (process) == 0 || !strstr (said, rows[i].says))
      fail_msg ("%s: exit code %d, and it said: %s", rows[i].what, g_subprocess_get_exit_status (process), said);
    gboolean there = g_file_get_contents (path, &after, &after_bytes, NULL);
    const char *before = rows[i].content;
    if (there != (before != NULL) || (there && (after_bytes != content_bytes || memcmp (after, before, after_bytes) != 0)))
      fail_msg ("%s: the file is not what it was", rows[i].what);
  }
}

/* Who serves with a certificate of another name, or one that has expired, is not believed. */
static void
whom_to_believe (void **state)
{
  static const char *const bad[] = {"elsewhere", "late.localhost"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    guint16 on = (guint16)(port + 1 + i);
    g_autofree char *said = NULL, *where = g_strdup_printf ("https://%s:%u", i == 0 ? "localhost" : bad[i], on);
    GSubprocess *process = serve (bad[i], on);
    int status = ask (where, "ca.pem", "token", &said);
    stop (process);
    if (status == 0 || strstr (said, "fabricsRegistered"))
      fail_msg ("a certificate %s was believed: %s", bad[i], said);
  }
}

static void
nobody_asks (TsLabServer *from, const TsVaultRequest *request, gpointer user)
{
}

/* A connection on which nothing, or no TLS, is said, is hung up on. */
static void
silence_in_the_handshake (void **state)
{
  guint16 on = (guint16)(port + 5);
  pid_t pid = fork ();
  if (pid == 0) {
    static const TsLabServerEvents events = {.request = nobody_asks};
    g_autofree char *pem = at ("localhost.pem"), *key = at ("localhost.key");
    const TsLabServerOptions options = {.port = on, .vault = "v", .certificate = pem, .key = key, .request_ms = REQUEST_MS};
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (ts_lab_server_new (&options, &events, NULL, NULL))
      g_main_loop_run (g_main_loop_new (NULL, FALSE));
    _exit (1);
  }
  static const char *const words[] = {"", "GET / HTTP/1.1\r\n", "\x16\x03\x01"};
  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons (on)};
    struct timeval patience = {.tv_sec = 20};
    char bytes[64];
    gssize count;
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (guint tries = 0; connect (fd, (struct sockaddr *)&to, sizeof to) < 0; tries++) {
      assert_true (tries < 200);
      g_usleep (50000);
    }
    send (fd, words[i], strlen (words[i]), MSG_NOSIGNAL);
    while ((count = recv (fd, bytes, sizeof bytes, 0)) > 0)
      ;
    if (count < 0 && errno != ECONNRESET)
      fail_msg ("who says \"%s\" and no more is waited for", words[i]);
    close (fd);
  }
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
}

int
main (int argc, char **argv)
{
  if (argc < 2)
    return 64;
  twinsite = argv[1];
  signal (SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (who_may_ask),
      cmocka_unit_test (whom_to_believe),
      cmocka_unit_test (stores_that_are_none),
      cmocka_unit_test (silence_in_the_handshake),
  };
  return cmocka_run_group_tests (tests, setup, teardown);
}
