/* tests/test-lab-trust.c -- a host process from outside: who it lets in, what it answers, and what
 * its journal says.  A real one (this program, started again), in namespaces of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/record.h"
#include "core/base/units.h"
#include "core/relation/policy.h"
#include "core/relation/state.h"
#include "lab/link/certificate.h"
#include "lab/host/control.h"
#include "lab/host/host-config.h"
#include "lab/host/host.h"
#include "lab/link/link.h"
#include "tests/machine-support.h"

enum { PATIENCE_S = 60, PORT = 8084 };

static char *folder;
static pid_t host;
static TsLabControl *control;
static gboolean ready, closed;
static GPtrArray *records; /* TsRecord */

/* --- the runner's part -------------------------------------------------------------------------
 */

static void
on_message (TsLabControl *from, const char *kind, GVariant *body, gpointer user)
{
  if (g_str_equal (kind, "ready"))
    ready = TRUE;
  else if (g_str_equal (kind, "record")) {
    g_autoptr (GVariant) packed = g_variant_get_variant (body);
    TsRecord *record = ts_record_from_variant (packed, NULL);
    assert_non_null (record);
    g_ptr_array_add (records, record);
  } else {
    g_autofree char *text = g_variant_print (body, FALSE);
    fail_msg ("the host says %s %s", kind, text);
  }
}

static void
on_closed (TsLabControl *from, gpointer user)
{
  closed = TRUE;
}

static gboolean
tick (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

/* Lets the main context run until *flag, at most PATIENCE_S. */
static void
wait_for (const gboolean *flag)
{
  guint waker = g_timeout_add (20, tick, NULL);
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!*flag && !closed && g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (waker);
  assert_false (closed);
  assert_true (*flag);
}

static const TsRecord *
next_record (void)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  guint waker = g_timeout_add (20, tick, NULL);
  while (records->len == 0 && !closed && g_get_monotonic_time () < until_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (waker);
  assert_int_not_equal (records->len, 0);
  return records->pdata[0];
}

static void
loopback_up (void)
{
  struct ifreq request = {.ifr_name = "lo"};
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal (ioctl (fd, SIOCGIFFLAGS, &request), 0);
  request.ifr_flags |= IFF_UP;
  assert_int_equal (ioctl (fd, SIOCSIFFLAGS, &request), 0);
  close (fd);
}

static const TsGuid web_id = {{2}};

static void
write_config (const char *path, gboolean skip_revocation)
{
  g_autoptr (TsLabHostConfig) config = ts_lab_host_config_new ();
  g_autoptr (GError) error = NULL;
  config->name = g_strdup ("hv-paris");
  config->run = g_build_filename (folder, "run", NULL);
  config->sockets = g_strdup (folder);
  config->cache = support_cache ();
  config->certificates = g_strdup (folder);
  config->kernel = g_strdup ("");
  config->initrd = g_strdup ("");
  config->origin_us = g_get_monotonic_time ();
  config->port = PORT;
  config->settings.skip_revocation = skip_revocation;
  ts_lab_host_config_add_peer (config, "hv-lyon", "127.0.0.1", PORT + 1, PORT + 2);
  ts_lab_host_config_add_peer (config, "hv-paris-2", "127.0.0.1", PORT + 3, PORT + 4)->same_cloud = TRUE;
  ts_lab_vm_config_add_disk (ts_lab_host_config_add_vm (config, "db", "hv-paris"), "os", TS_MIB, 0);
  TsLabVmConfig *web = ts_lab_host_config_add_vm (config, "web", "hv-lyon");
  ts_lab_vm_config_add_disk (web, "os", TS_MIB, 0);
  web->id = web_id;
  static const char *const entries[][3] = {
      {"hv-lyon", "replica.sales", "sales"},
      {"hv-nice", "replica", "sales"},
      {"hv-turin", "replica", "DEFAULT"},
      {"*.contoso.example", "replica.contoso", "contoso"},
      {"expired", "replica", "DEFAULT"}, /* or authorization would refuse what the certificate must */
      {"server-only", "replica", "DEFAULT"},
      {"revoked", "replica", "DEFAULT"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    assert_true (ts_authorization_add (config->authorization, entries[i][0], entries[i][1],
                                       entries[i][2], &error));
  assert_true (ts_lab_host_config_save (config, path, &error));
}

static void
launch (gboolean skip_revocation)
{
  static const TsLabControlEvents events = {on_message, on_closed};
  TsLabLayout layout = {folder, folder};
  g_autofree char *socket_path = ts_lab_path_control (&layout, 0);
  g_autofree char *config = g_build_filename (folder, "config", NULL);
  ready = closed = FALSE;
  write_config (config, skip_revocation);
  (void)g_unlink (socket_path); /* of an earlier one */
  int listening = ts_lab_control_listen (socket_path, NULL);
  assert_true (listening >= 0);
  host = fork ();
  assert_true (host >= 0);
  if (host == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    execl ("/proc/self/exe", "test-lab-trust", "host", folder, NULL);
    _exit (99);
  }
  struct pollfd waiting = {.fd = listening, .events = POLLIN};
  assert_int_equal (poll (&waiting, 1, PATIENCE_S * 1000), 1);
  int fd = accept4 (listening, NULL, NULL, SOCK_CLOEXEC);
  assert_true (fd >= 0);
  close (listening);
  control = ts_lab_control_new (fd, &events, NULL);
  wait_for (&ready);
}

static int
start_host (void **state)
{
  static const char *const names[] = {"hv-paris",
                                      "hv-lyon",
                                      "hv-mallory",
                                      "hv-paris-2",
                                      "hv-nice",
                                      "hv-turin",
                                      "hv-1.contoso.example",
                                      "a.b.contoso.example",
                                      "revoked"};
  records = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_record_free);
  loopback_up ();
  assert_true (ts_lab_certificate_authority (folder, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_true (ts_lab_certificate_issue (folder, names[i], NULL));
  assert_true (ts_lab_certificate_issue_kind (folder, "expired", TS_LAB_CERTIFICATE_EXPIRED, NULL));
  assert_true (
      ts_lab_certificate_issue_kind (folder, "server-only", TS_LAB_CERTIFICATE_SERVER_ONLY, NULL));
  assert_true (ts_lab_certificate_revoke (folder, "revoked", NULL));
  g_autofree char *other = g_build_filename (folder, "other", NULL);
  assert_int_equal (g_mkdir (other, 0700), 0);
  assert_true (ts_lab_certificate_authority (other, NULL));
  assert_true (ts_lab_certificate_issue (other, "hv-lyon", NULL));
  launch (FALSE);
  return 0;
}

static int
end_host (void)
{
  int status = 0;
  ts_lab_control_free (control); /* it ends by itself */
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  pid_t ended = 0;
  while ((ended = waitpid (host, &status, WNOHANG)) == 0 && g_get_monotonic_time () < until_us)
    g_usleep (20000);
  if (ended == 0) {
    kill (host, SIGKILL);
    waitpid (host, &status, 0);
  }
  /* 70: it had something to say when nobody heard it any more */
  return ended == host && WIFEXITED (status) &&
                 (WEXITSTATUS (status) == 0 || WEXITSTATUS (status) == 70)
             ? 0
             : -1;
}

static int
stop_host (void **state)
{
  int ended = end_host ();
  g_ptr_array_unref (records);
  return ended;
}

static int
forget_records (void **state)
{
  g_ptr_array_set_size (records, 0);
  return 0;
}

/* --- who connects ------------------------------------------------------------------------------
 */

typedef struct {
  TsLabLink *link;
  guint frames;
  TsFrameKind kind; /* of the last */
  gboolean answered, lost;
} Caller;

static void
on_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  Caller *caller = user;
  caller->frames++;
  caller->answered = TRUE;
  caller->kind = (TsFrameKind)frame->kind;
}

static void
on_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  ((Caller *)user)->lost = TRUE;
}

static void
hang_up (Caller *caller)
{
  ts_lab_link_free (caller->link);
  g_free (caller);
}

/* Says HELLO for that VM as soon as it is connected. */
static Caller *
call_for (const char *name, TsGuid vm)
{
  static const TsLabLinkEvents events = {NULL, on_frame, on_lost};
  g_autofree char *ca = g_build_filename (folder, "ca.pem", NULL);
  g_autofree char *certificate = g_strdup_printf ("%s/%s.pem", folder, name);
  g_autofree char *key = g_strdup_printf ("%s/%s.key", folder, name);
  TsLabCredentials credentials = {.ca = ca, .certificate = certificate, .key = key};
  Caller *caller = g_new0 (Caller, 1);
  TsHello hello = {
      .vm = vm, .name = "stranger", .interval_us = 30 * TS_S, .time_scale = 1, .disks = 1, .disk = {{TS_MIB, "os"}}};
  TsFrame frame = {.kind = TS_FRAME_HELLO, .value = TS_HELLO_FRESH, .payload = ts_hello_pack (&hello)};
  caller->link = ts_lab_link_connect ("127.0.0.1", PORT, "hv-paris", &credentials,
                                      PATIENCE_S * TS_S, &events, caller);
  ts_lab_link_send (caller->link, &frame, FALSE);
  ts_frame_clear (&frame);
  return caller;
}

/* For a VM that is not here; stays until it is put out. */
static Caller
call_as (const char *name)
{
  Caller *caller = call_for (name, (TsGuid){{1}});
  wait_for (&caller->lost);
  Caller end = *caller;
  hang_up (caller);
  return end;
}

/* The last frame that it is answered, while it stays. */
static TsFrameKind
answer_to (const char *name)
{
  Caller *caller = call_for (name, web_id);
  wait_for (&caller->answered);
  TsFrameKind kind = caller->kind;
  hang_up (caller);
  return kind;
}

static void
an_authentic_peer_without_an_entry_gets_nothing (void **state)
{
  Caller mallory = call_as ("hv-mallory");
  assert_int_equal (mallory.frames, 0); /* not even why */
  const TsRecord *record = next_record ();
  assert_string_equal (record->kind, "refused");
  assert_string_equal (ts_record_get_text (record, "peer"), "hv-mallory");
  assert_string_equal (ts_record_get_text (record, "reason"),
                       "no authorization entry allows hv-mallory to replicate here");
}

/* It may hand over a virtual machine: that is another thing than to replicate. */
static void
a_host_of_the_cloud_without_an_entry_gets_nothing (void **state)
{
  Caller paris = call_as ("hv-paris-2");
  assert_int_equal (paris.frames, 0);
  assert_string_equal (ts_record_get_text (next_record (), "reason"),
                       "no authorization entry allows hv-paris-2 to replicate here");
}

static void
a_peer_with_an_entry_is_heard (void **state)
{
  Caller lyon = call_as ("hv-lyon");
  assert_int_equal (lyon.frames, 1);
  assert_int_equal (lyon.kind, TS_FRAME_REFUSE); /* of what it asks for, which is not here */
  const TsRecord *record = next_record ();
  assert_string_equal (ts_record_get_text (record, "peer"), "hv-lyon");
  assert_non_null (strstr (ts_record_get_text (record, "reason"), "no place for that virtual"));
}

/* HVR reference 1.3: "a replica VM accepts replication only from the server whose entry created it
 * or from entries with the same trust group". */
static void
a_replica_is_of_one_trust_group (void **state)
{
  assert_int_not_equal (answer_to ("hv-lyon"), TS_FRAME_REFUSE);
  const TsRecord *record = next_record ();
  assert_string_equal (record->kind, "authorized");
  assert_string_equal (ts_record_get_text (record, "vm"), "web");
  assert_string_equal (ts_record_get_text (record, "storage"), "replica.sales");
  assert_string_equal (ts_record_get_text (record, "trust_group"), "sales");
  g_autofree char *place = g_build_filename (folder, "run/hv-paris/replica.sales", NULL);
  for (gint i = 0; i < PATIENCE_S * 50 && !g_file_test (place, G_FILE_TEST_IS_DIR); i++)
    g_usleep (20000);
  assert_true (g_file_test (place, G_FILE_TEST_IS_DIR));

  forget_records (NULL); /* one of the same group goes on with it, another does not */
  assert_int_not_equal (answer_to ("hv-nice"), TS_FRAME_REFUSE);
  do
    record = next_record ();
  while (!g_str_equal (record->kind, "authorized") && g_ptr_array_remove_index (records, 0));
  assert_string_equal (ts_record_get_text (record, "peer"), "hv-nice"); /* it is its replica now, */
  assert_string_equal (ts_record_get_text (record, "storage"), "replica.sales"); /* where it was */
  forget_records (NULL);
  assert_int_equal (answer_to ("hv-turin"), TS_FRAME_REFUSE);
  do
    record = next_record ();
  while (!g_str_equal (record->kind, "refused") && g_ptr_array_remove_index (records, 0));
  assert_string_equal (ts_record_get_text (record, "peer"), "hv-turin");
  assert_string_equal (ts_record_get_text (record, "reason"),
                       "the replica was created by hv-nice of trust group sales; hv-turin is of "
                       "trust group DEFAULT");
}

/* HVR reference 1.3: "not expired; EKU client and server authentication; chains to a root known by both;
 * revocation is checked".  Each has an entry, and gets nothing; the host's journal says why. */
static const struct certificate {
  const char *name, *certificate; /* "other/" before: of the other authority */
  const char *says;
} certificates[] = {
    {"an expired certificate", "expired", "expired"},
    {"a certificate that is for servers only", "server-only", "not for client use"},
    {"a certificate of an unknown authority", "other/hv-lyon", "unknown authority"},
    {"a revoked certificate", "revoked", "revoked"},
};

static void
a_bad_certificate_is_refused (void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS (certificates); i++) {
    const struct certificate *row = &certificates[i];
    forget_records (NULL);
    Caller caller = call_as (row->certificate);
    assert_int_equal (caller.frames, 0);
    const TsRecord *record = next_record ();
    assert_string_equal (record->kind, "refused");
    const char *reason = ts_record_get_text (record, "reason");
    if (!reason || !strstr (reason, row->says))
      fail_msg ("%s: '%s' does not say '%s'", row->name, reason ? reason : "", row->says);
  }
}

/* "wildcard only in the first label": one label of the same domain, no more. */
static void
a_wildcard_is_one_label (void **state)
{
  Caller caller = call_as ("hv-1.contoso.example");
  assert_int_equal (caller.frames, 1); /* let in; what it asks for is not here */
  forget_records (NULL);
  caller = call_as ("a.b.contoso.example");
  assert_int_equal (caller.frames, 0);
  assert_string_equal (ts_record_get_text (next_record (), "reason"),
                       "no authorization entry allows a.b.contoso.example to replicate here");
}

/* --- whom it connects to -----------------------------------------------------------------------
 */

static void
nobody_comes (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  ts_lab_link_free (link);
}

static void
turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
}

/* What this host, the primary, tells of it. */
static void
wait_for_reason (const char *says)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  for (;;) {
    const char *reason = ts_record_get_text (next_record (), "reason");
    if (reason && strstr (reason, says))
      return;
    g_ptr_array_remove_index (records, 0);
    assert_true (g_get_monotonic_time () < until_us);
  }
}

static void
a_replica_server_of_another_name_is_refused (void **state)
{
  static const TsLabListenerEvents events = {nobody_comes, turned_away};
  g_autofree char *ca = g_build_filename (folder, "ca.pem", NULL);
  g_autofree char *certificate = g_build_filename (folder, "hv-nice.pem", NULL);
  g_autofree char *key = g_build_filename (folder, "hv-nice.key", NULL);
  TsLabCredentials credentials = {.ca = ca, .certificate = certificate, .key = key};
  TsLabListener *listener = ts_lab_listener_new ("127.0.0.1", PORT + 1, &credentials, 10 * TS_S,
                                                 &events, NULL, NULL);
  assert_non_null (listener);
  TsPolicy policy;
  ts_policy_init (&policy);
  policy.frequency_us = 30 * TS_S;
  assert_true (ts_lab_control_send (
      control, "relate",
      g_variant_new ("(ss@" TS_POLICY_TYPE ")", "db", "hv-lyon", ts_policy_pack (&policy)), NULL));
  assert_true (ts_lab_control_send (
      control, "ask",
      g_variant_new ("(suubuxux)", "db", (guint32)TS_ROLE_PRIMARY, (guint32)TS_ASK_ENABLE, FALSE, 0U,
                     (gint64)0, 0U, (gint64)0),
      NULL));
  wait_for_reason ("name is hv-nice, expected hv-lyon");
  ts_lab_listener_free (listener);
}

static void
kerberos_never_becomes_tls (void **state)
{
  TsPolicy policy;
  ts_policy_init (&policy);
  policy.frequency_us = 30 * TS_S;
  policy.authentication = TS_AUTH_KERBEROS;
  GVariant *body =
      g_variant_new ("(ss@" TS_POLICY_TYPE ")", "db", "hv-lyon", ts_policy_pack (&policy));
  assert_true (ts_lab_control_send (control, "relate", body, NULL));
  const TsRecord *record = next_record ();
  assert_string_equal (record->kind, "refused");
  assert_non_null (
      strstr (ts_record_get_text (record, "reason"), "there is no Kerberos realm here"));
}

/* DisableCertRevocationCheck (HVR reference 1.3): the same certificate that was refused above is let in. */
static void
revocation_is_not_checked_when_it_is_off (void **state)
{
  assert_int_equal (end_host (), 0);
  forget_records (NULL);
  launch (TRUE);
  Caller caller = call_as ("revoked");
  assert_int_equal (caller.frames, 1);
  assert_int_equal (caller.kind, TS_FRAME_REFUSE); /* of what it asks for, which is not here */
  const TsRecord *record;
  do
    record = next_record (); /* the primary that it is, too, goes on */
  while (!g_str_equal (record->kind, "refused") && g_ptr_array_remove_index (records, 0));
  assert_string_equal (ts_record_get_text (record, "peer"), "revoked");
  forget_records (NULL); /* all else is checked as ever */
  caller = call_as ("expired");
  assert_int_equal (caller.frames, 0);
}

int
main (int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup (an_authentic_peer_without_an_entry_gets_nothing, forget_records),
      cmocka_unit_test_setup (a_host_of_the_cloud_without_an_entry_gets_nothing, forget_records),
      cmocka_unit_test_setup (a_peer_with_an_entry_is_heard, forget_records),
      cmocka_unit_test_setup (a_replica_is_of_one_trust_group, forget_records),
      cmocka_unit_test_setup (a_bad_certificate_is_refused, forget_records),
      cmocka_unit_test_setup (a_wildcard_is_one_label, forget_records),
      cmocka_unit_test_setup (kerberos_never_becomes_tls, forget_records),
      cmocka_unit_test_setup (a_replica_server_of_another_name_is_refused, forget_records),
      cmocka_unit_test_setup (revocation_is_not_checked_when_it_is_off, forget_records),
  };
  if (argc > 1 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);
  g_free (support_guest ("vmlinuz")); /* and QEMU, without which a host does not start */
  folder = support_enter_site ();
  int failed = cmocka_run_group_tests (tests, start_host, stop_host);
  g_free (folder);
  return failed;
}
