/* tests/test-lab-host.c -- a host process alone: whom it lets in, what it says to the others, and
 * what it remembers when it was killed.  No machine is started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/format/hrl.h"
#include "core/relation/event.h"
#include "lab/link/certificate.h"
#include "lab/host/control.h"
#include "core/seam/topology.h"
#include "lab/host/host-config.h"
#include "lab/host/host.h"
#include "lab/link/link.h"

typedef struct {
  char *folder, *certificates;
  guint16 port;
  pid_t pid;
  TsLabControl *control;
  int listening;
  gboolean ready;
  GPtrArray *records; /* TsRecord */
} Host;

typedef struct { /* a peer that the test plays */
  TsLabLink *link;
  gboolean connected, lost;
  GArray *frames; /* TsFrame */
} Peer;

static TsHello
hello_of_vm (guint8 id)
{
  TsHello hello = {.interval_us = 30 * TS_S, .time_scale = 1, .disks = 1};
  hello.vm.bytes[0] = id;
  g_strlcpy (hello.name, "db", sizeof hello.name);
  hello.disk[0].size_bytes = TS_MIB;
  g_strlcpy (hello.disk[0].name, "system", sizeof hello.disk[0].name);
  return hello;
}

/* --- the host --------------------------------------------------------------------------------- */

static void
message (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
  Host *host = user;
  host->ready |= g_str_equal (kind, "ready");
  if (!g_str_equal (kind, "record"))
    return;
  g_autoptr (GVariant) packed = g_variant_get_variant (body);
  TsRecord *record = ts_record_from_variant (packed, NULL);
  assert_non_null (record);
  g_ptr_array_add (host->records, record);
}

static void
closed (TsLabControl *control, gpointer user)
{
  Host *host = user;
  g_clear_pointer (&host->control, ts_lab_control_free);
}

/* Lets the main loop run until *flag, at most so long. */
static gboolean
within (gint64 timeout_us, const gboolean *flag)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  while (!*flag && g_get_monotonic_time () < deadline_us)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
  return *flag;
}

static void
start_host (Host *host)
{
  static const TsLabControlEvents events = {message, closed};
  host->ready = FALSE;
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  host->pid = fork ();
  if (host->pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    execl (self, self, "host", host->folder, NULL);
    _exit (127);
  }
  int fd = -1;
  for (guint i = 0; i < 1000 && fd < 0; i++, g_usleep (10000))
    fd = accept (host->listening, NULL, NULL);
  assert_true (fd >= 0);
  host->control = ts_lab_control_new (fd, &events, host);
  assert_true (within (20 * TS_S, &host->ready));
}

static void
kill_host (Host *host)
{
  kill (host->pid, SIGKILL);
  waitpid (host->pid, NULL, 0);
  g_clear_pointer (&host->control, ts_lab_control_free);
}

static int
setup (void **state)
{
  g_autoptr (GError) error = NULL;
  Host *host = g_new0 (Host, 1);
  host->records = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_record_free);
  host->folder = g_strdup ("/tmp/ts-host-XXXXXX"); /* short: sockets lie in it */
  assert_non_null (g_mkdtemp (host->folder));
  host->certificates = g_build_filename (host->folder, "certificates", NULL);
  g_mkdir (host->certificates, 0700);
  static const char *const names[] = {"hv-b", "hv-a", "hv-stranger"};
  assert_true (ts_lab_certificate_authority (host->certificates, &error));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_true (ts_lab_certificate_issue (host->certificates, names[i], &error));

  g_autoptr (TsLabHostConfig) config = ts_lab_host_config_new ();
  config->name = g_strdup ("hv-b");
  config->run = g_strdup (host->folder);
  config->sockets = g_strdup (host->folder);
  config->cache = g_build_filename (host->folder, "cache", NULL);
  config->certificates = g_strdup (host->certificates);
  config->kernel = g_strdup ("/none");
  config->initrd = g_strdup ("/none");
  config->origin_us = g_get_monotonic_time ();
  config->port = host->port = (guint16)(20000 + getpid () % 20000);
  ts_lab_host_config_add_peer (config, "hv-a", "127.0.0.1", 1, 2);
  assert_true (ts_authorization_add (config->authorization, "hv-a", TS_STORAGE_DEFAULT,
                                     TS_TRUST_GROUP_DEFAULT, &error));
  TsLabVmConfig *vm = ts_lab_host_config_add_vm (config, "db", "hv-a");
  vm->id.bytes[0] = 9;
  vm->memory_bytes = 64 * TS_MIB;
  ts_lab_vm_config_add_disk (vm, "system", TS_MIB, 0);
  g_autofree char *path = g_build_filename (host->folder, "config", NULL);
  assert_true (ts_lab_host_config_save (config, path, &error));
  TsLabLayout layout = ts_lab_host_config_layout (config);
  g_autofree char *control = ts_lab_path_control (&layout, 0);
  host->listening = ts_lab_control_listen (control, &error);
  assert_true (host->listening >= 0);
  start_host (host);
  *state = host;
  return 0;
}

static int
teardown (void **state)
{
  Host *host = *state;
  kill_host (host);
  close (host->listening);
  ts_lab_remove_tree (host->folder, NULL);
  g_ptr_array_unref (host->records);
  g_free (host->certificates);
  g_free (host->folder);
  g_free (host);
  return 0;
}

/* Waits for a record of that kind whose reason has text in it. */
static void
expect_refused (Host *host, const char *text, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  gboolean never = FALSE;
  do {
    for (guint i = 0; i < host->records->len; i++) {
      const TsRecord *record = host->records->pdata[i];
      const char *reason = ts_record_get_text (record, "reason");
      if (g_str_equal (record->kind, "refused") && reason && strstr (reason, text))
        return;
    }
    within (20 * TS_MS, &never);
  } while (g_get_monotonic_time () < deadline_us);
  fail_msg ("no refusal says '%s'", text);
}

/* --- the peer --------------------------------------------------------------------------------- */

static void
connected (TsLabLink *link, const char *name, gpointer user)
{
  ((Peer *)user)->connected = TRUE;
}

static void
framed (TsLabLink *link, TsFrame *frame, gpointer user)
{
  TsFrame kept = *frame;
  frame->payload = NULL;
  g_array_append_val (((Peer *)user)->frames, kept);
}

static void
lost (TsLabLink *link, const GError *reason, gpointer user)
{
  ((Peer *)user)->lost = TRUE;
}

static Peer *
connect_as (Host *host, const char *name)
{
  static const TsLabLinkEvents events = {connected, framed, lost};
  Peer *peer = g_new0 (Peer, 1);
  TsLabCredentials credentials = {
      .ca = g_build_filename (host->certificates, "ca.pem", NULL),
      .certificate = g_strdup_printf ("%s/%s.pem", host->certificates, name),
      .key = g_strdup_printf ("%s/%s.key", host->certificates, name),
  };
  peer->frames = g_array_new (FALSE, TRUE, sizeof (TsFrame));
  peer->link =
      ts_lab_link_connect ("127.0.0.1", host->port, "hv-b", &credentials, 10 * TS_S, &events, peer);
  g_free (credentials.ca);
  g_free (credentials.certificate);
  g_free (credentials.key);
  assert_true (within (10 * TS_S, &peer->connected));
  return peer;
}

static void
peer_free (Peer *peer)
{
  ts_lab_link_free (peer->link);
  for (guint i = 0; i < peer->frames->len; i++)
    ts_frame_clear (&g_array_index (peer->frames, TsFrame, i));
  g_array_unref (peer->frames);
  g_free (peer);
}

static void
say (Peer *peer, TsFrame frame)
{
  ts_lab_link_send (peer->link, &frame, FALSE);
  ts_frame_clear (&frame);
}

static void
say_hello (Peer *peer, guint8 id)
{
  TsHello hello = hello_of_vm (id);
  say (peer, (TsFrame){.kind = TS_FRAME_HELLO, .value = TS_HELLO_FRESH, .payload = ts_hello_pack (&hello)});
}

static const TsFrame *
next_frame (Peer *peer, guint index)
{
  gint64 deadline_us = g_get_monotonic_time () + 10 * TS_S;
  gboolean never = FALSE;
  while (peer->frames->len <= index && !peer->lost && g_get_monotonic_time () < deadline_us)
    within (TS_MS, &never);
  return peer->frames->len > index ? &g_array_index (peer->frames, TsFrame, index) : NULL;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void
first_frame_is_hello (void **state)
{
  Peer *peer = connect_as (*state, "hv-a");
  say (peer, (TsFrame){.kind = TS_FRAME_COPY_END});
  const TsFrame *answer = next_frame (peer, 0);
  assert_non_null (answer);
  assert_int_equal (answer->kind, TS_FRAME_REFUSE);
  expect_refused (*state, "HELLO", 5 * TS_S);
  assert_true (within (10 * TS_S, &peer->lost));
  peer_free (peer);
}

static void
hello_of_garbage (void **state)
{
  Peer *peer = connect_as (*state, "hv-a");
  say (peer, (TsFrame){.kind = TS_FRAME_HELLO, .payload = g_bytes_new ("nonsense", 8)});
  const TsFrame *answer = next_frame (peer, 0);
  assert_non_null (answer);
  assert_int_equal (answer->kind, TS_FRAME_REFUSE);
  assert_int_equal (answer->value, TS_REFUSE_VERSION);
  peer_free (peer);
}

static void
unknown_machine (void **state)
{
  Peer *peer = connect_as (*state, "hv-a");
  say_hello (peer, 77);
  const TsFrame *answer = next_frame (peer, 0);
  assert_non_null (answer);
  assert_int_equal (answer->kind, TS_FRAME_REFUSE);
  expect_refused (*state, "no place", 5 * TS_S);
  peer_free (peer);
}

/* Its certificate is good, and no entry names it. */
static void
unauthorized (void **state)
{
  Peer *peer = connect_as (*state, "hv-stranger");
  say_hello (peer, 9);
  assert_true (within (10 * TS_S, &peer->lost));
  assert_int_equal (peer->frames->len, 0);
  expect_refused (*state, "authorization", 5 * TS_S);
  peer_free (peer);
}

static void
silent (void **state)
{
  Peer *peer = connect_as (*state, "hv-a");
  assert_false (within (8 * TS_S, &peer->lost));
  assert_true (within (6 * TS_S, &peer->lost));
  expect_refused (*state, "in time", 5 * TS_S);
  peer_free (peer);
}

/* The newest connection of a VM is the one that counts. */
static void
replaced (void **state)
{
  Peer *first = connect_as (*state, "hv-a");
  say_hello (first, 9);
  assert_int_equal (next_frame (first, 0)->kind, TS_FRAME_WELCOME);
  Peer *second = connect_as (*state, "hv-a");
  say_hello (second, 9);
  assert_int_equal (next_frame (second, 0)->kind, TS_FRAME_WELCOME);
  assert_true (within (10 * TS_S, &first->lost));
  assert_false (second->lost);
  peer_free (first);
  peer_free (second);
}

/* Copy data that were acknowledged are still known after kill -9. */
static void
remembers (void **state)
{
  Host *host = *state;
  Peer *peer = connect_as (host, "hv-a");
  say_hello (peer, 9);
  assert_int_equal (next_frame (peer, 0)->kind, TS_FRAME_WELCOME);
  assert_int_equal (next_frame (peer, 0)->value, 0); /* wants the copy */
  guint8 data[4096];
  memset (data, 0x5a, sizeof data);
  say (peer, (TsFrame){.kind = TS_FRAME_COPY,
                       .offset_bytes = 8192,
                       .payload = g_bytes_new (data, sizeof data)});
  assert_int_equal (next_frame (peer, 1)->value, TS_ACK_COPY);
  say (peer, (TsFrame){.kind = TS_FRAME_COPY_END});
  assert_int_equal (next_frame (peer, 2)->value, TS_ACK_COPY_END);
  peer_free (peer);
  kill_host (host);
  start_host (host);
  peer = connect_as (host, "hv-a");
  say_hello (peer, 9);
  assert_int_equal (next_frame (peer, 0)->kind, TS_FRAME_WELCOME);
  assert_int_equal (next_frame (peer, 0)->value, 1); /* has it; no set applied yet */
  peer_free (peer);
  g_autofree char *path = g_build_filename (host->folder, "hv-b", "replica", "db.system.raw", NULL);
  g_autofree char *disk = NULL;
  gsize len = 0;
  assert_true (g_file_get_contents (path, &disk, &len, NULL));
  assert_int_equal (len, TS_MIB);
  assert_memory_equal (disk + 8192, data, sizeof data);
  assert_int_equal (disk[8191], 0);
}

/* A log that is damaged on its way through is refused whole, asked for again, and then taken. */
static void
damaged_set (void **state)
{
  Host *host = *state;
  Peer *peer = connect_as (host, "hv-a");
  say_hello (peer, 9);
  next_frame (peer, 0);
  say (peer, (TsFrame){.kind = TS_FRAME_COPY_END});
  assert_int_equal (next_frame (peer, 1)->value, TS_ACK_COPY_END);

  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) log = g_byte_array_new ();
  TsHrlInfo info = {.disk_bytes = TS_MIB, .unique = {{1}}};
  guint8 data[4096];
  memset (data, 0x33, sizeof data);
  TsHrlWriter *writer = ts_hrl_writer_new (&info, ts_hrl_put_array, log, &error);
  assert_true (ts_hrl_writer_add (writer, 65536, data, sizeof data, 0, &error));
  assert_true (ts_hrl_writer_close (writer, 0, 0, &error));
  ts_hrl_writer_free (writer);
  TsManifest manifest = {.instant_us = 1, .kind = TS_SET_INITIAL, .disks = 1};
  manifest.disk[0].log_bytes = log->len;
  manifest.disk[0].data_bytes = sizeof data;
  manifest.disk[0].unique = info.unique;
  g_autofree char *path = g_build_filename (host->folder, "hv-b", "replica", "db.system.raw", NULL);

  for (guint good = 0; good < 2; good++) {
    if (good == 1) { /* the refused stream was closed to us: come again */
      peer_free (peer);
      peer = connect_as (host, "hv-a");
      say_hello (peer, 9);
      assert_int_equal (next_frame (peer, 0)->kind, TS_FRAME_WELCOME);
      assert_int_equal (next_frame (peer, 0)->offset_bytes, 0);
    }
    guint seen = peer->frames->len;
    g_autofree guint8 *bytes = g_memdup2 (log->data, log->len);
    bytes[log->len / 2] ^= good ? 0 : 1;
    say (peer, (TsFrame){.kind = TS_FRAME_LOG, .set = 1, .payload = g_bytes_new (bytes, log->len)});
    say (peer,
         (TsFrame){.kind = TS_FRAME_SET_END, .set = 1, .payload = ts_manifest_pack (&manifest)});
    assert_int_equal (next_frame (peer, seen)->value, TS_ACK_LOG);
    const TsFrame *verdict = next_frame (peer, seen + 1);
    assert_non_null (verdict);
    assert_int_equal (verdict->kind, good ? TS_FRAME_ACK : TS_FRAME_REFUSE);
    assert_int_equal (verdict->value, good ? (int)TS_ACK_STORED : (int)TS_REFUSE_LOG);
    if (good)
      assert_int_equal (next_frame (peer, seen + 2)->value, TS_ACK_APPLIED);
    g_autofree char *disk = NULL;
    assert_true (g_file_get_contents (path, &disk, NULL, NULL));
    assert_int_equal (disk[65536], good ? 0x33 : 0);
  }
  peer_free (peer);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);
#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      T (first_frame_is_hello),
      T (hello_of_garbage),
      T (unknown_machine),
      T (unauthorized),
      T (silent),
      T (replaced),
      T (remembers),
      T (damaged_set),
  };
  return cmocka_run_group_tests_name ("lab-host", tests, NULL, NULL);
}
