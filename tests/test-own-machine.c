/* tests/test-own-machine.c -- a machine that is not ours, for real: it boots by UEFI, gets its address over
 * its cable, takes connections, is frozen through its guest agent; with its cable unplugged it is not
 * reached; without an agent that is told.
 *
 * ARGS: the folder of scenarios/own/build-small.  Skipped (77) without it, OVMF, or namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/ipv4.h"
#include "core/base/units.h"
#include "lab/machine/disk.h"
#include "lab/machine/firmware.h"
#include "lab/machine/image.h"
#include "lab/machine/machine.h"
#include "lab/site/cable.h"
#include "lab/site/layout.h"
#include "tests/machine-support.h"

#define SMALL_BYTES (96 * TS_MIB)
#define BOOT_US (120 * TS_S) /* emulated, on a busy machine */
#define PORT 80
#define CMDLINE "quiet console=ttyS0 panic=-1"

static const TsDhcpLease lease = {.address = 0x0a14004d, .server = 0x0a140001, .prefix = 24};

static char *folder, *images;
static TsLabHypervisor *hypervisor;
static TsLabCable *cable;

static char *
at (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

typedef struct {
  TsLabMachine *machine;
  char *console;
} Own;

static Own
define (const char *name, const char *device, gboolean connected, gboolean uefi, gboolean e1000,
        const char *more)
{
  g_autofree char *image = g_build_filename (images, "small.raw", NULL);
  g_autofree char *kernel = g_build_filename (images, "small.vmlinuz", NULL);
  g_autofree char *initrd = g_build_filename (images, "small.initrd", NULL);
  g_autofree char *cmdline = g_strconcat (CMDLINE, more, NULL);
  g_autofree char *data = g_strdup_printf ("%s/%s.raw", folder, name);
  g_autofree char *disk = g_strdup_printf ("%s/%s.qcow2", folder, name);
  g_autofree char *nvram = g_strdup_printf ("%s/%s.nvram", folder, name);
  g_autofree char *channel = g_strdup_printf ("%s/%s.c", folder, name);
  Own own = {.console = g_strdup_printf ("%s/%s.console", folder, name)};
  g_autoptr (GError) error = NULL;
  assert_true (ts_lab_disk_create_tracked (disk, data, SMALL_BYTES, &error));
  assert_true (ts_lab_image_file_copy (image, data, &error));
  TsLabMachineSpec spec = {.name = name,
                           .memory_bytes = 192 * TS_MIB,
                           .kernel = uefi ? NULL : kernel,
                           .initrd = initrd,
                           .cmdline = cmdline,
                           .own = TRUE,
                           .nvram_path = uefi ? nvram : NULL,
                           .agent = TRUE,
                           .nic_device = device,
                           .nic_e1000 = e1000,
                           .nic_connected = connected,
                           .channel_path = channel,
                           .console_path = own.console,
                           .disks = 1,
                           .disk = {{"system", disk}}};
  spec.id.bytes[0] = (guint8)name[0];
  spec.id.bytes[15] = 7;
  own.machine = ts_lab_machine_define (hypervisor, &spec, &error);
  if (!own.machine)
    fail_msg ("%s", error->message);
  return own;
}

static void
away (Own *own)
{
  ts_lab_machine_free (own->machine);
  g_free (own->console);
}

static void
start (Own *own)
{
  g_autoptr (GError) error = NULL;
  if (!ts_lab_machine_start (own->machine, &error))
    fail_msg ("%s", error->message);
}

/* The last error is told when it never does. */
static void
wait_for_agent (const char *name)
{
  gint64 until_us = g_get_monotonic_time () + BOOT_US;
  g_autoptr (GError) error = NULL;
  while (!ts_lab_agent_ping (hypervisor, name, &error)) {
    if (g_get_monotonic_time () >= until_us)
      fail_msg ("%s", error->message);
    g_clear_error (&error);
    g_usleep (200000);
  }
}

static gboolean
says (const Own *own, const char *word)
{
  g_autofree char *text = NULL;
  return g_file_get_contents (own->console, &text, NULL, NULL) && strstr (text, word);
}

static void
wait_for_word (const Own *own, const char *word)
{
  gint64 until_us = g_get_monotonic_time () + BOOT_US;
  while (!says (own, word) && g_get_monotonic_time () < until_us)
    g_usleep (100000);
  assert_true (says (own, word));
}

static guint
acked (const Own *own)
{
  g_autofree char *text = NULL;
  guint count = 0;
  g_file_get_contents (own->console, &text, NULL, NULL);
  for (const char *word = text; word && (word = strstr (word, "ACK ")); word += 4)
    count++;
  return count;
}

/* What becomes of a connection within so long, while DHCP is answered: 0, an errno, or -1: nothing. */
static int
connection (const char *device, guint16 port, gint64 within_us)
{
  g_autoptr (GError) error = NULL;
  int fd = ts_lab_cable_connect (getpid (), device, lease.address, port, &error);
  if (fd < 0)
    fail_msg ("%s", error->message);
  gint64 until_us = g_get_monotonic_time () + within_us;
  int outcome = -1;
  while (outcome < 0 && g_get_monotonic_time () < until_us) {
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof outcome;
    while (g_main_context_iteration (NULL, FALSE))
      ;
    if (poll (&entry, 1, 50) == 1)
      getsockopt (fd, SOL_SOCKET, SO_ERROR, &outcome, &size);
  }
  close (fd);
  return outcome;
}

/* Until it is what it must be. */
static void
wait_for_connection (const char *device, guint16 port, int wanted)
{
  gint64 until_us = g_get_monotonic_time () + BOOT_US;
  int outcome;
  while ((outcome = connection (device, port, 2 * TS_S)) != wanted &&
         g_get_monotonic_time () < until_us)
    ;
  assert_int_equal (outcome, wanted);
}

static void
boots_by_uefi_is_found_and_frozen (void **state)
{
  const char *code, *variables;
  g_autoptr (GError) error = NULL;
  if (!ts_lab_firmware (&code, &variables, &error)) {
    print_message ("%s\n", error->message);
    skip ();
  }
  Own own = define ("uefi", "tsplug", TRUE, TRUE, FALSE, "");
  start (&own);
  wait_for_agent ("uefi");
  wait_for_connection ("tsplug", PORT, 0); /* by the address that DHCP has given */
  assert_int_equal (connection ("tsplug", PORT + 1, 20 * TS_S), ECONNREFUSED);
  g_autofree char *nvram = at ("uefi.nvram");
  assert_true (g_file_test (nvram, G_FILE_TEST_IS_REGULAR));

  wait_for_word (&own, "ACK ");
  assert_true (ts_lab_agent_freeze (hypervisor, "uefi", TRUE, &error));
  assert_true (ts_lab_agent_ping (hypervisor, "uefi", &error)); /* it answers all the same */
  g_usleep (TS_S); /* what it was about to say */
  guint frozen = acked (&own);
  g_usleep (2 * TS_S);
  assert_int_equal (acked (&own), frozen);
  assert_true (ts_lab_agent_freeze (hypervisor, "uefi", FALSE, &error));
  for (guint i = 0; i < 600 && acked (&own) == frozen; i++)
    g_usleep (100000);
  assert_true (acked (&own) > frozen);
  away (&own);
}

/* As of a replica before it takes over, or in a test failover; and without its agent running. */
static void
unplugged_it_is_not_reached (void **state)
{
  Own own = define ("alone", "tsloose", FALSE, FALSE, FALSE, " drill=agentless drill.address=10.20.0.77/24");
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  assert_false (ts_lab_agent_ping (hypervisor, "alone", &error));
  start (&own);
  wait_for_word (&own, "SMALL-UP");
  int outcome = connection ("tsloose", PORT, 4 * TS_S);
  assert_true (outcome == -1 || outcome == EHOSTUNREACH);
  assert_false (ts_lab_agent_ping (hypervisor, "alone", &later));
  assert_true (g_error_matches (later, TS_ERROR, TS_ERROR_AGAIN));
  assert_non_null (strstr (later->message, "not connected"));
  away (&own);
}

static void
an_intel_card_will_do (void **state)
{
  Own own = define ("intel", "tsplug", TRUE, FALSE, TRUE, "");
  g_autoptr (GError) error = NULL;
  if (!ts_lab_machine_start_paused (own.machine, &error))
    fail_msg ("%s", error->message);
  away (&own);
}

static int
open_all (void **state)
{
  g_autofree char *root = at ("v");
  g_autofree char *cache = support_cache ();
  g_autoptr (GError) error = NULL;
  hypervisor = ts_lab_hypervisor_open (root, cache, TS_ACCEL_TCG, &error);
  cable = hypervisor ? ts_lab_cable_new (getpid (), "tsplug", &lease, &error) : NULL;
  TsLabCable *loose = cable ? ts_lab_cable_new (getpid (), "tsloose", &lease, &error) : NULL;
  if (!loose)
    print_error ("%s\n", error->message);
  ts_lab_cable_free (loose);
  return loose ? 0 : -1;
}

static int
close_all (void **state)
{
  ts_lab_cable_free (cable);
  ts_lab_hypervisor_free (hypervisor);
  return 0;
}

int
main (int argc, char **argv)
{
  images = argc > 1 ? argv[1] : NULL;
  g_autofree char *image = images ? g_build_filename (images, "small.raw", NULL) : g_strdup ("");
  if (access (image, R_OK) < 0 || access ("/dev/net/tun", R_OK | W_OK) < 0) {
    g_printerr ("skipped: no %s (scenarios/own/build-small), or no /dev/net/tun\n", image);
    return 77;
  }
  g_free (support_guest ("vmlinuz")); /* and QEMU */
  folder = support_enter_site ();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (boots_by_uefi_is_found_and_frozen),
      cmocka_unit_test (unplugged_it_is_not_reached),
      cmocka_unit_test (an_intel_card_will_do),
  };
  return cmocka_run_group_tests (tests, open_all, close_all);
}
