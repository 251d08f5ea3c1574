/* The real guest in a real machine (QEMU, TCG, no libvirt): what it has said it wrote is on its
 * disks after the machine was killed in the middle of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/units.h"
#include "core/format/plan.h"
#include "lab/command.h"
#include "lab/doctor.h"
#include "lab/world/guest-channel.h"

#define DISKS 2
#define FILL (1 * TS_MIB)
#define RECORD 8192
#define SEED 42
#define BOOT_US_MAX (60 * TS_S)

static const guint64 size_of[DISKS] = {32 * TS_MIB, 16 * TS_MIB};
static const guint64 slots_of[DISKS] = {900, 300};
static char *kernel, *initramfs;

typedef struct {
  char *folder, *socket, *disk[DISKS];
  TsLabChild qemu;
  TsGuestChannel *channel;
  gboolean is_ready, is_lost, is_surveyed;
  gint64 ready_us;
  guint64 ponged, acked, flushed, troubles;
  guint64 *ledger[DISKS];          /* by slot: sequence of the last acknowledged write */
  guint64 *survivor[DISKS];        /* by slot: sequence that the survey found whole */
  guint64 fill_blocks[DISKS], odd; /* odd: survey lines that are not a whole record in a slot */
  TsGuestMessage sums;
  char held; /* of the last odd one */
} Guest;

static void
forget_survey (Guest *guest)
{
  for (guint i = 0; i < DISKS; i++) {
    memset (guest->survivor[i], 0, slots_of[i] * sizeof (guint64));
    guest->fill_blocks[i] = 0;
  }
  guest->odd = 0;
  guest->is_surveyed = FALSE;
}

/* The slot of a place, or -1 when it is none. */
static gint64
slot_of (const TsGuestMessage *said)
{
  if (said->disk >= DISKS || said->offset_bytes < FILL || said->length_bytes != RECORD ||
      (said->offset_bytes - FILL) % RECORD)
    return -1;
  guint64 slot = (said->offset_bytes - FILL) / RECORD;
  return slot < slots_of[said->disk] ? (gint64)slot : -1;
}

static void
on_message (TsGuestChannel *channel, const TsGuestMessage *said, gpointer user)
{
  Guest *guest = user;
  gint64 slot = slot_of (said);
  switch (said->said) {
  case TS_GUEST_READY:
    guest->is_ready = TRUE;
    break;
  case TS_GUEST_ALIVE:
    guest->ponged = said->number;
    break;
  case TS_GUEST_WROTE:
    assert_true (slot >= 0);
    assert_int_equal (said->number, guest->acked + 1); /* none is left out */
    guest->acked = said->number;
    guest->ledger[said->disk][slot] = said->number;
    break;
  case TS_GUEST_FLUSHED:
    assert_int_equal (said->number, guest->acked);
    guest->flushed = said->number;
    break;
  case TS_GUEST_HELD:
    if (slot >= 0 && said->held == 'w')
      guest->survivor[said->disk][slot] = said->number;
    else {
      guest->odd++;
      guest->held = said->held;
    }
    break;
  case TS_GUEST_FILL:
    assert_true (said->disk < DISKS);
    guest->fill_blocks[said->disk] += said->number;
    break;
  case TS_GUEST_SURVEYED:
    guest->sums = *said;
    guest->is_surveyed = TRUE;
    break;
  case TS_GUEST_FROZEN:
  case TS_GUEST_NOT_FROZEN:
    break;
  case TS_GUEST_TROUBLE:
    print_message ("the guest: %s\n", said->text);
    guest->troubles++;
    break;
  }
}

static void
on_lost (TsGuestChannel *channel, const GError *reason, gpointer user)
{
  Guest *guest = user;
  guest->is_lost = TRUE;
}

static gboolean
wake (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

#define RUN_UNTIL(done, limit_us)                                                                  \
  do {                                                                                             \
    guint waker_ = g_timeout_add (20, wake, NULL);                                                 \
    gint64 end_ = g_get_monotonic_time () + (limit_us);                                            \
    while (!(done) && g_get_monotonic_time () < end_)                                              \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (waker_);                                                                      \
    assert_true (done);                                                                            \
  } while (0)

static void
boot (Guest *guest)
{
  static const TsGuestChannelEvents events = {on_message, on_lost};
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func (g_free);
  static const char *const fixed[] = {"qemu-system-x86_64",
                                      "-accel",
                                      "tcg",
                                      "-m",
                                      "128",
                                      "-nodefaults",
                                      "-no-user-config",
                                      "-display",
                                      "none",
                                      "-no-reboot",
                                      "-append",
                                      "console=ttyS0 quiet panic=-1",
                                      "-device",
                                      "virtio-serial-pci",
                                      "-device",
                                      "virtserialport,chardev=agent,name=org.twinsite.agent"};
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (args, g_strdup (fixed[i]));
#define ARG(option, ...)                                                                           \
  g_ptr_array_add (args, g_strdup (option));                                                       \
  g_ptr_array_add (args, g_strdup_printf (__VA_ARGS__))
  ARG ("-kernel", "%s", kernel);
  ARG ("-initrd", "%s", initramfs);
  ARG ("-serial", "file:%s/console", guest->folder);
  ARG ("-chardev", "socket,id=agent,path=%s,server=on,wait=off", guest->socket);
  for (guint i = 0; i < DISKS; i++) {
    ARG ("-drive", "file=%s,if=none,id=d%u,format=raw", guest->disk[i], i);
    ARG ("-device", "virtio-blk-pci,drive=d%u,serial=disk%u", i, i);
  }
  g_ptr_array_add (args, NULL);
  guest->is_ready = guest->is_lost = FALSE;
  gint64 start_us = g_get_monotonic_time ();
  g_unlink (guest->socket);
  if (!ts_lab_child_start (&guest->qemu, (const char *const *)args->pdata, "qemu-system-x86",
                           &error))
    fail_msg ("%s", error->message);
  guest->channel = ts_guest_channel_open (guest->socket, BOOT_US_MAX, &events, guest);
  RUN_UNTIL (guest->is_ready || guest->is_lost, BOOT_US_MAX);
  assert_true (guest->is_ready);
  guest->ready_us = g_get_monotonic_time () - start_us;
  print_message ("ready after %" G_GINT64_FORMAT " ms\n", guest->ready_us / 1000);
}

/* The plug is pulled; what was said before is still heard. */
static void
pull_the_plug (Guest *guest)
{
  ts_lab_child_kill (&guest->qemu);
  RUN_UNTIL (guest->is_lost, 10 * TS_S);
  ts_guest_channel_free (guest->channel);
  guest->channel = NULL;
}

static void
power_off (Guest *guest)
{
  ts_guest_channel_say (guest->channel, "Q");
  RUN_UNTIL (guest->is_lost, 30 * TS_S);
  gint64 end_us = g_get_monotonic_time () + 10 * TS_S;
  while (ts_lab_child_alive (&guest->qemu, NULL) && g_get_monotonic_time () < end_us)
    g_usleep (20000);
  assert_int_equal (guest->qemu.pid, 0);
  ts_guest_channel_free (guest->channel);
  guest->channel = NULL;
}

static gint64
ping (Guest *guest, guint64 number)
{
  gint64 start_us = g_get_monotonic_time ();
  ts_guest_channel_say (guest->channel, "P %" G_GUINT64_FORMAT, number);
  RUN_UNTIL (guest->ponged == number, 10 * TS_S);
  return g_get_monotonic_time () - start_us;
}

static void
begin_workload (Guest *guest, guint us_per_write)
{
  ts_guest_channel_say (guest->channel,
                        "W %d %d %d %u 16 %" G_GUINT64_FORMAT " 2 0:%" G_GUINT64_FORMAT
                        ":%" G_GUINT64_FORMAT " 1:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                        TS_PLAN_HOT, SEED, RECORD, us_per_write, guest->acked, FILL, slots_of[0],
                        FILL, slots_of[1]);
}

static void
survey (Guest *guest)
{
  forget_survey (guest);
  ts_guest_channel_say (guest->channel, "S 0:%" G_GUINT64_FORMAT " 1:%" G_GUINT64_FORMAT, FILL,
                        FILL);
  RUN_UNTIL (guest->is_surveyed, 60 * TS_S);
}

/* Every acknowledged write is there; only the one that was under way may be there besides. */
static void
assert_nothing_lost (const Guest *guest)
{
  TsPlanned under_way = ts_plan (TS_PLAN_HOT, SEED, guest->acked, slots_of, DISKS);
  guint64 records = 0;
  for (guint disk = 0; disk < DISKS; disk++)
    for (guint64 slot = 0; slot < slots_of[disk]; slot++) {
      guint64 want = guest->ledger[disk][slot], got = guest->survivor[disk][slot];
      records += got > 0;
      if (got == guest->acked + 1 && disk == under_way.disk_turn && slot == under_way.slot)
        continue;
      if (got != want)
        fail_msg ("disk %u slot %" G_GUINT64_FORMAT ": write %" G_GUINT64_FORMAT
                  " acknowledged, %" G_GUINT64_FORMAT " found",
                  disk, slot, want, got);
    }
  assert_int_equal (guest->sums.records, records);
}

static void
lay_fill (const char *path, guint disk)
{
  guint8 block[TS_STAMP_BLOCK];
  int fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true (fd >= 0);
  assert_int_equal (ftruncate (fd, (off_t)size_of[disk]), 0);
  for (guint64 i = 0; i < FILL / sizeof block; i++) {
    TsStamp stamp = {.disk = (guint16)disk,
                     .kind = TS_STAMP_FILL,
                     .sequence = i + 1,
                     .offset = i * sizeof block,
                     .length = sizeof block};
    ts_stamp_lay (block, &stamp, SEED);
    assert_int_equal (pwrite (fd, block, sizeof block, (off_t)stamp.offset), sizeof block);
  }
  close (fd);
}

static void
flip_a_byte (const char *path, guint64 offset)
{
  guint8 byte;
  int fd = g_open (path, O_RDWR | O_CLOEXEC, 0);
  assert_int_equal (pread (fd, &byte, 1, (off_t)offset), 1);
  byte ^= 1;
  assert_int_equal (pwrite (fd, &byte, 1, (off_t)offset), 1);
  close (fd);
}

static int
setup (void **state)
{
  Guest *guest = g_new0 (Guest, 1);
  *state = guest;
  guest->qemu = (TsLabChild){0, -1};
  guest->folder = g_dir_make_tmp ("ts-guest-XXXXXX", NULL);
  guest->socket = g_build_filename (guest->folder, "agent", NULL);
  for (guint i = 0; i < DISKS; i++) {
    g_autofree char *name = g_strdup_printf ("disk%u", i);
    guest->disk[i] = g_build_filename (guest->folder, name, NULL);
    lay_fill (guest->disk[i], i);
    guest->ledger[i] = g_new0 (guint64, slots_of[i]);
    guest->survivor[i] = g_new0 (guint64, slots_of[i]);
  }
  return 0;
}

static int
teardown (void **state)
{
  Guest *guest = *state;
  ts_guest_channel_free (guest->channel);
  ts_lab_child_kill (&guest->qemu);
  for (guint i = 0; i < DISKS; i++) {
    g_unlink (guest->disk[i]);
    g_free (guest->disk[i]);
    g_free (guest->ledger[i]);
    g_free (guest->survivor[i]);
  }
  g_unlink (guest->socket);
  g_autofree char *console = g_build_filename (guest->folder, "console", NULL);
  g_unlink (console);
  assert_int_equal (g_rmdir (guest->folder), 0);
  g_free (guest->socket);
  g_free (guest->folder);
  g_free (guest);
  return 0;
}

static void
survives_a_power_loss (void **state)
{
  Guest *guest = *state;
  boot (guest);
  survey (guest); /* a disk with nothing but fill */
  assert_int_equal (guest->sums.records, 0);

  begin_workload (guest, 0);
  RUN_UNTIL (guest->acked >= 300, 60 * TS_S);
  gint64 ping_us = ping (guest, 7);
  print_message ("ping under load: %" G_GINT64_FORMAT " us\n", ping_us);
  RUN_UNTIL (guest->acked >= 1000 && guest->flushed < guest->acked, 60 * TS_S);
  pull_the_plug (guest); /* while it writes */
  assert_true (guest->flushed > 900);

  boot (guest);
  survey (guest);
  assert_nothing_lost (guest);
  assert_int_equal (guest->odd, 0); /* nothing torn */
  assert_int_equal (guest->sums.bad, 0);
  for (guint i = 0; i < DISKS; i++)
    assert_int_equal (guest->fill_blocks[i], FILL / TS_STAMP_BLOCK);

  /* It goes on where it was, and an orderly end leaves nothing unflushed. */
  guint64 before = guest->acked;
  begin_workload (guest, 10000);
  gint64 start_us = g_get_monotonic_time ();
  RUN_UNTIL (guest->acked >= before + 100, 60 * TS_S);
  assert_in_range (g_get_monotonic_time () - start_us, 900 * TS_MS, 10 * TS_S); /* 100/s */
  power_off (guest);
  assert_int_equal (guest->flushed, guest->acked);
  assert_int_equal (guest->troubles, 0);

  /* The survey is not blind: one byte on the disk, one record. */
  guint64 slot = 0;
  while (!guest->ledger[1][slot])
    slot++;
  flip_a_byte (guest->disk[1], FILL + slot * RECORD + 5000);
  boot (guest);
  survey (guest);
  assert_int_equal (guest->sums.bad, 1);
  assert_int_equal (guest->odd, 1);
  assert_int_equal (guest->held, 'c');
  guest->ledger[1][slot] = 0; /* the only one that is missing */
  assert_nothing_lost (guest);
  pull_the_plug (guest);
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  kernel = ts_lab_guest_file ("vmlinuz", &error);
  initramfs = kernel ? ts_lab_guest_file ("initramfs", &error) : NULL;
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");
  if (!initramfs || !qemu) {
    print_message ("skipped: %s\n", error ? error->message : "no qemu-system-x86_64");
    g_free (kernel);
    return 77;
  }
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (survives_a_power_loss, setup, teardown),
  };
  int failed = cmocka_run_group_tests_name ("guest", tests, NULL, NULL);
  g_free (kernel);
  g_free (initramfs);
  return failed;
}
