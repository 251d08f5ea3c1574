/* tests/test-remote.c -- a host that another libvirtd drives: a real one, started here for the test, over
 * its own socket, over TLS and over ssh; what is refused; and that nothing of a run stays with it.
 *
 * All of it in namespaces of its own (process, mount, network), with the daemon's folders on a file system
 * in memory.  Skipped (77) without root or libvirtd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"
#include "lab/doctor.h"
#include "lab/host/host.h"
#include "lab/link/certificate.h"
#include "lab/machine/remote.h"
#include "lab/site/helper.h"
#include "lab/site/layout.h"
#include "lab/site/tidy.h"
#include "tests/machine-support.h"
#include "tests/world-support.h"

static char *folder; /* of everything; short */
static pid_t daemon_pid;

typedef struct {
  TsTopology *topology;
  Heard *heard;
  char *folder;
  TsWorld *world;
} Run;

/* --- the other libvirtd ----------------------------------------------------------------------- */

static char *
at (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
loopback_up (void)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert (fd >= 0 && ioctl (fd, SIOCSIFFLAGS, &request) == 0);
  close (fd);
}

/* What the daemon writes, it writes into memory; its settings are in an /etc of its own. */
static void
own_folders (void)
{
  static const char *const places[] = {"/run", "/var/lib", "/var/cache", "/var/log"};
  g_autofree char *etc = at ("etc");
  g_autofree char *settings = at ("etc/libvirt");
  const char *copy[] = {"cp", "-a", "/etc/.", etc, NULL};
  g_assert (g_mkdir (etc, 0755) == 0);
  g_assert (ts_lab_command (copy, "coreutils", 60 * TS_S, NULL, NULL));
  g_mkdir_with_parents (settings, 0755);
  g_assert (mount (etc, "/etc", NULL, MS_BIND, NULL) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    g_assert (mount ("tmpfs", places[i], "tmpfs", 0, "mode=0755") == 0);
  g_assert (g_file_set_contents ("/etc/libvirt/qemu.conf",
                                 "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n"
                                 "namespaces = []\ncgroup_controllers = []\nremember_owner = 0\n"
                                 "dynamic_ownership = 0\nuser = \"+0\"\ngroup = \"+0\"\n",
                                 -1, NULL));
}

/* Client certificates as libvirt looks for them. */
static void
client_keys (const char *name, const char *certificates, const char *authority)
{
  static const char *const files[][2] = {
      {"client.pem", "clientcert.pem"}, {"client.key", "clientkey.pem"}};
  g_autofree char *keys = at (name);
  g_assert (g_mkdir (keys, 0700) == 0);
  for (guint i = 0; i <= G_N_ELEMENTS (files); i++) {
    g_autofree char *from = i < 2 ? g_build_filename (certificates, files[i][0], NULL)
                                  : g_build_filename (authority, "ca.pem", NULL);
    g_autofree char *to = g_build_filename (keys, i < 2 ? files[i][1] : "cacert.pem", NULL);
    g_autofree char *text = NULL;
    gsize len = 0;
    g_assert (g_file_get_contents (from, &text, &len, NULL));
    g_assert (g_file_set_contents_full (to, text, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  }
}

static void
make_keys (void)
{
  g_autofree char *ours = at ("ca");
  g_autofree char *others = at ("other");
  g_assert (g_mkdir (ours, 0700) == 0 && g_mkdir (others, 0700) == 0);
  g_assert (ts_lab_certificate_authority (ours, NULL));
  g_assert (ts_lab_certificate_authority (others, NULL));
  g_assert (ts_lab_certificate_issue_kind (ours, "localhost", TS_LAB_CERTIFICATE_LIBVIRT, NULL));
  g_assert (ts_lab_certificate_issue_kind (ours, "client", TS_LAB_CERTIFICATE_LIBVIRT, NULL));
  g_assert (ts_lab_certificate_issue_kind (others, "client", TS_LAB_CERTIFICATE_LIBVIRT, NULL));
  client_keys ("good", ours, ours);
  client_keys ("stranger", others, ours);    /* the daemon does not know who signed it */
  client_keys ("suspicious", ours, others);  /* we do not know who signed the daemon's */
}

static void
start_daemon (const char *program)
{
  g_autofree char *conf = at ("libvirtd.conf");
  g_autofree char *log = at ("libvirtd.log");
  g_autofree char *text = g_strdup_printf (
      "unix_sock_dir = \"%s\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\n"
      "listen_tls = 1\nlisten_addr = \"127.0.0.1\"\nauth_tls = \"none\"\n"
      "ca_file = \"%s/ca/ca.pem\"\ncert_file = \"%s/ca/localhost.pem\"\n"
      "key_file = \"%s/ca/localhost.key\"\nlog_outputs = \"3:file:%s\"\n",
      folder, folder, folder, folder, log);
  g_assert (g_file_set_contents (conf, text, -1, NULL));
  daemon_pid = fork ();
  if (daemon_pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    int out = open (log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2 (out, 1);
    dup2 (out, 2);
    execl (program, program, "--listen", "-f", conf, (char *)NULL);
    _exit (127);
  }
  g_autofree char *socket = at ("libvirt-sock");
  for (guint i = 0; i < 600 && !g_file_test (socket, G_FILE_TEST_EXISTS); i++) {
    g_assert (waitpid (daemon_pid, NULL, WNOHANG) == 0);
    g_usleep (50000);
  }
}

static char *
unix_uri (void)
{
  return g_strdup_printf ("qemu+unix:///system?socket=%s/libvirt-sock", folder);
}

static char *
tls_uri (const char *server, const char *keys)
{
  return g_strdup_printf ("qemu+tls://%s/system?pkipath=%s/%s", server, folder, keys);
}

/* --- over ssh --------------------------------------------------------------------------------- */

#define SSH_PORT "2222"

/* An sshd of the test's own on loopback, with keys of its own.  FALSE: there is no sshd, or no ssh. */
static gboolean
start_sshd (void)
{
  g_autofree char *sshd = g_find_program_in_path ("sshd"); /* it wants its whole path */
  g_autofree char *keygen = g_find_program_in_path ("ssh-keygen");
  g_autofree char *helper = g_find_program_in_path ("virt-ssh-helper");
  g_autofree char *conf = at ("sshd_config");
  g_autofree char *log = at ("sshd.log");
  g_autofree char *keys[] = {at ("sshd_key"), at ("ssh_key"), NULL};
  if (!sshd || !keygen || !helper || !g_find_program_in_path ("ssh"))
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    const char *argv[] = {keygen, "-q", "-t", "ed25519", "-N", "", "-f", keys[i], NULL};
    g_assert (ts_lab_command (argv, "openssh-client", 30 * TS_S, NULL, NULL));
  }
  g_autofree char *text = g_strdup_printf (
      "Port " SSH_PORT "\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s.pub\n"
      "PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nPidFile none\n",
      keys[0], keys[1]);
  g_assert (g_file_set_contents (conf, text, -1, NULL));
  g_mkdir_with_parents ("/run/sshd", 0755); /* an empty one, which it insists on */
  g_mkdir_with_parents ("/run/libvirt", 0755); /* where virt-ssh-helper looks */
  g_autofree char *socket = at ("libvirt-sock");
  g_assert (symlink (socket, "/run/libvirt/libvirt-sock") == 0 || errno == EEXIST);
  /* /etc is our own: nothing is entered into the user's known_hosts. */
  g_assert (g_file_set_contents ("/etc/ssh/ssh_config", "UserKnownHostsFile /dev/null\nLogLevel ERROR\n", -1, NULL));
  pid_t pid = fork ();
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    execl (sshd, sshd, "-D", "-f", conf, "-E", log, (char *)NULL);
    _exit (127);
  }
  g_usleep (500000);
  return waitpid (pid, NULL, WNOHANG) == 0;
}

static char *
ssh_uri (const char *key)
{
  return g_strdup_printf ("qemu+ssh://root@127.0.0.1:" SSH_PORT
                          "/system?keyfile=%s/%s&no_tty=1&no_verify=1&proxy=native",
                          folder, key);
}

/* --- a run ------------------------------------------------------------------------------------ */

static TsOrder
order (const char *step, TsVerb verb)
{
  return (TsOrder){
      .step = step, .verb = verb, .vm = 0, .host = -1, .site = -1, .link = -1, .policy = -1};
}

static int
prepare (void **state)
{
  Run *run = g_new0 (Run, 1);
  run->topology = world_topology ();
  run->heard = heard_new (run->topology);
  run->folder = g_dir_make_tmp ("ts-remote-XXXXXX", NULL);
  *state = run;
  return 0;
}

static int
clear (void **state)
{
  Run *run = *state;
  ts_lab_world_ops ()->free (run->world);
  ts_lab_remove_tree (run->folder, NULL);
  heard_free (run->heard);
  ts_topology_free (run->topology);
  g_free (run->folder);
  g_free (run);
  return 0;
}

/* Takes uri. */
static void
elsewhere (Run *run, guint host, char *uri)
{
  TsHostSpec *spec = ts_topology_host (run->topology, host);
  spec->libvirt = uri;
  spec->store = at ("store");
}

static gboolean
start (Run *run)
{
  TsWorldOptions options = {.folder = run->folder, .limit_us = 300 * TS_S};
  g_autoptr (GError) error = NULL;
  run->world =
      ts_lab_world_ops ()->start (run->topology, &options, &run->heard->observer, &error);
  if (!run->world)
    print_error ("%s\n", error->message);
  return run->world != NULL;
}

static void
protect (Run *run, guint applied)
{
  TsOrder protect = order ("protect", TS_DO_PROTECT);
  protect.host = 1;
  protect.policy = 0;
  assert_true (start (run));
  world_do (run->world, run->heard, protect, 60 * TS_S);
  world_wait (run->world, run->heard, "applied", NULL, NULL, applied, 120 * TS_S);
}

static guint
named_so (const char *place, const char *end)
{
  g_autoptr (GDir) files = g_dir_open (place, 0, NULL);
  guint count = 0;
  for (const char *name; files && (name = g_dir_read_name (files));)
    count += g_str_has_suffix (name, end);
  return count;
}

static guint
in_store (void)
{
  g_autofree char *path = at ("store");
  return named_so (path, "");
}

/* Machines that the daemon knows, running or not. */
static guint
known (void)
{
  return named_so ("/etc/libvirt/qemu", ".xml");
}

/* The daemon's machines: their QEMUs say their whole names. */
#define MACHINES_OF(host) "-" host "."

static void
nothing_stays (Run *run)
{
  assert_int_equal (processes_with (MACHINES_OF ("hv-west")), 0);
  assert_int_equal (processes_with (MACHINES_OF ("hv-east")), 0);
  assert_int_equal (processes_with (run->folder), 0);
  assert_int_equal (known (), 0);
  assert_int_equal (in_store (), 0);
}

static void
finish (Run *run)
{
  assert_true (ts_lab_world_ops ()->finish (run->world, NULL));
  g_clear_pointer (&run->world, ts_lab_world_ops ()->free);
  nothing_stays (run);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void
refused_with (Run *run, char *uri, const char *store, const char *says)
{
  TsHostSpec *host = ts_topology_host (run->topology, 1);
  g_free (host->libvirt);
  g_free (host->store);
  host->libvirt = uri;
  host->store = at (store);
  g_autofree char *refusal = ts_lab_world_ops ()->refusal (run->topology, NULL);
  if (!says) {
    if (refusal)
      fail_msg ("%s", refusal);
    return;
  }
  if (!refusal || !strstr (refusal, says) || !strstr (refusal, "host hv-west: "))
    fail_msg ("'%s' does not say '%s'", refusal ? refusal : "nothing", says);
}

static void
refusals (void **state)
{
  Run *run = *state;
  g_autofree char *silent =
      g_strdup_printf ("qemu+unix:///system?socket=%s/nobody", folder);
  refused_with (run, unix_uri (), "store", NULL);
  refused_with (run, unix_uri (), "nowhere", "no such folder");
  refused_with (run, g_strdup (silent), "store", "nobody");
  refused_with (run, g_strdup ("test:///default"), "store", "expected: QEMU");
  refused_with (run, tls_uri ("localhost", "good"), "store", NULL);
  refused_with (run, tls_uri ("127.0.0.1", "good"), "store", "certificate"); /* of localhost */
  refused_with (run, tls_uri ("localhost", "suspicious"), "store", "certificate");
  refused_with (run, tls_uri ("localhost", "stranger"), "store", "libvirt at qemu+tls");
  refused_with (run, tls_uri ("localhost:1", "good"), "store", "refused");
}

/* The same question over ssh: let in with the key that it knows, and with no other. */
static void
over_ssh (void **state)
{
  Run *run = *state;
  if (!start_sshd ()) {
    print_message ("no ssh here (apt-get install openssh-server openssh-client): skipped\n");
    skip ();
  }
  refused_with (run, ssh_uri ("ssh_key"), "store", NULL);
  refused_with (run, ssh_uri ("sshd_key"), "store", "Permission denied");
}

/* --- over its socket -------------------------------------------------------------------------- */

/* The replica's host is there: the copy takes over under that libvirtd, holds what it must, and goes when
 * its site loses power, though no process of the site holds it. */
static void
takes_over_there (void **state)
{
  Run *run = *state;
  elsewhere (run, 1, unix_uri ());
  protect (run, 2);
  TsOrder down = order ("down", TS_DO_SITE_DOWN);
  down.site = 0;
  world_do (run->world, run->heard, down, 30 * TS_S);
  assert_int_equal (processes_with (MACHINES_OF ("hv-west")), 0);
  world_do (run->world, run->heard, order ("failover", TS_DO_FAILOVER), 60 * TS_S);
  world_wait (run->world, run->heard, "survey", "phase", "done", 1, 120 * TS_S);
  assert_int_equal (processes_with (MACHINES_OF ("hv-west")), 1);
  const TsRecord *promoted = heard_record (run->heard, "failover", "phase", "promoted", 0);
  assert_true (world_check_copy (run->heard, ts_record_get_int (promoted, "instant_us", -1)) > 20);
  TsOrder west = order ("west", TS_DO_SITE_DOWN);
  west.site = 1;
  world_do (run->world, run->heard, west, 30 * TS_S);
  assert_int_equal (processes_with (MACHINES_OF ("hv-west")), 0);
  finish (run);
}

/* --- over TLS --------------------------------------------------------------------------------- */

/* The primary's host is there: its changes are cut by that libvirtd's backup jobs.  Then the runner is
 * killed, and what it could not take along is taken down from the registry. */
static void
replicates_from_there_and_is_killed (void **state)
{
  Run *run = *state;
  elsewhere (run, 0, tls_uri ("localhost", "good"));
  int ends[2];
  char byte;
  assert_int_equal (pipe (ends), 0);
  pid_t pid = fork ();
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    close (ends[0]);
    TsOrder protect = order ("protect", TS_DO_PROTECT);
    protect.host = 1;
    protect.policy = 0;
    if (!start (run) || !ts_lab_world_ops ()->order (run->world, &protect, NULL))
      _exit (1);
    while (heard_count (run->heard, "applied", NULL, NULL) < 2) /* no asserts: they would jump */
      if (!ts_lab_world_ops ()->run_until (run->world, 120 * TS_S, NULL) ||
          ts_lab_world_ops ()->now_us (run->world) >= 120 * TS_S)
        _exit (2);
    if (write (ends[1], "x", 1) != 1)
      _exit (3);
    for (;;)
      ts_lab_world_ops ()->run_until (run->world, TS_NEVER, NULL);
  }
  close (ends[1]);
  gssize told = read (ends[0], &byte, 1);
  close (ends[0]);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  assert_int_equal (told, 1);
  for (guint i = 0; i < 500 && processes_with (run->folder) > 0; i++)
    g_usleep (10000);
  assert_int_equal (processes_with (run->folder), 0);
  /* Or there is nothing to prove.  Its guest may have ended by itself, since nobody listens. */
  assert_int_equal (known (), 1);
  assert_int_equal (in_store (), 1);
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  nothing_stays (run);
}

/* The scenario file with its remote host there, over TLS; its exit code, 77 when it was skipped. */
static int
run_scenario (const char *program, const char *file, const char *out)
{
  g_autofree char *uri = tls_uri ("localhost", "good");
  g_autofree char *libvirt = g_strconcat ("hosts.hv-lyon.libvirt=", uri, NULL);
  g_autofree char *path = at ("store");
  g_autofree char *store = g_strconcat ("hosts.hv-lyon.store=", path, NULL);
  const char *argv[] = {program, file,    "--set", libvirt, "--set", store,
                        "--out", out, NULL};
  g_autofree char *lab_scenario = g_strdup_printf ("%s/lab-scenario", TS_TESTS_DIR);
  const char *all[16] = {lab_scenario};
  memcpy (all + 1, argv, sizeof argv);
  pid_t pid = fork ();
  if (pid == 0) {
    execv (lab_scenario, (char *const *)all);
    _exit (127);
  }
  int status = -1;
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  int code = WIFEXITED (status) ? WEXITSTATUS (status) : 99;
  if (known () + in_store () + processes_with (MACHINES_OF ("hv-lyon")) > 0) {
    g_printerr ("something of the run has stayed there\n");
    return 98;
  }
  return code;
}

/* test-remote TWINSITE FILE OUT: runs a scenario instead of the tests. */
int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc == 3 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);
  g_autofree char *path = g_strconcat (g_getenv ("PATH"), ":/usr/sbin", NULL);
  g_setenv ("PATH", path, TRUE);
  g_autofree char *program = g_find_program_in_path ("libvirtd");
  if (geteuid () != 0 || !program) {
    g_printerr ("skipped: %s\n", program ? "another libvirtd is only started by root"
                                         : "no libvirtd: apt-get install libvirt-daemon");
    return 77;
  }
  folder = support_enter_site ();
  g_autofree char *store = at ("store");
  g_assert (g_mkdir (store, 0755) == 0);
  loopback_up ();
  make_keys ();
  own_folders ();
  start_daemon (program);

  if (argc == 4)
    return run_scenario (argv[1], argv[2], argv[3]);

  struct CMUnitTest tests[4] = {cmocka_unit_test_setup_teardown (refusals, prepare, clear),
                                cmocka_unit_test_setup_teardown (over_ssh, prepare, clear)};
  guint count = 2;
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  g_autoptr (GError) error = NULL;
  gboolean can = ts_lab_doctor_pass (findings, &error);
  if (can) {
    tests[count++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown (takes_over_there, prepare, clear);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown (
        replicates_from_there_and_is_killed, prepare, clear);
  } else
    print_message ("no machines: %s\n", error->message);
  int failed = _cmocka_run_group_tests ("remote", tests, count, NULL, NULL);
  kill (daemon_pid, SIGTERM);
  waitpid (daemon_pid, NULL, 0);
  return failed ? failed : can ? 0 : 77;
}
