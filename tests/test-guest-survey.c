/* What the agent says about disks it reads back, and what its workload writes: the agent's own code
 * on files, its port a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lab/world/guest-channel.h"
#include "lab/guest/survey.h"
#include "lab/guest/workload.h"

#define KIB4 4096u
#define DISK_BYTES (3u << 20)
#define FILL_BYTES (4 * KIB4)

typedef struct {
  Disks disks;
  Port port;
  int runner; /* the other end */
  GString *said;
  uint8_t *piece, *record;
} Machine;

static int
setup (void **state)
{
  Machine *m = g_new0 (Machine, 1);
  int pair[2], size = 4 << 20;
  m->disks.count = 2;
  for (unsigned i = 0; i < 2; i++) {
    m->disks.disk[i].fd = memfd_create ("disk", 0);
    m->disks.disk[i].size_bytes = DISK_BYTES;
    assert_int_equal (ftruncate (m->disks.disk[i].fd, DISK_BYTES), 0);
  }
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
  setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  m->port.fd = pair[0];
  m->runner = pair[1];
  m->said = g_string_new (NULL);
  m->piece = g_malloc (SURVEY_PIECE);
  m->record = g_malloc (WORKLOAD_RECORD_MAX);
  *state = m;
  return 0;
}

static int
teardown (void **state)
{
  Machine *m = *state;
  for (unsigned i = 0; i < 2; i++)
    if (m->disks.disk[i].fd >= 0)
      close (m->disks.disk[i].fd);
  close (m->port.fd);
  close (m->runner);
  g_string_free (m->said, TRUE);
  g_free (m->piece);
  g_free (m->record);
  g_free (m);
  return 0;
}

/* Everything that has been said since last asked; each line must be one of the channel's. */
static const char *
said (Machine *m)
{
  char data[4096];
  ssize_t got;
  g_string_truncate (m->said, 0);
  while ((got = recv (m->runner, data, sizeof data, MSG_DONTWAIT)) > 0)
    g_string_append_len (m->said, data, got);
  g_auto (GStrv) lines = g_strsplit (m->said->str, "\n", -1);
  for (guint i = 0; lines[i] && lines[i][0]; i++) {
    TsGuestMessage message;
    g_autoptr (GError) error = NULL;
    if (!ts_guest_message_parse (lines[i], strlen (lines[i]), &message, &error))
      fail_msg ("%s", error->message);
  }
  return m->said->str;
}

static void
put (Machine *m, unsigned disk, uint64_t offset, const void *data, size_t len)
{
  assert_int_equal (pwrite (m->disks.disk[disk].fd, data, len, (off_t)offset), len);
}

/* Writes the bytes [from, to) of a record. */
static void
lay (Machine *m, unsigned disk, int kind, uint64_t offset, uint32_t length, uint64_t sequence,
     uint32_t from, uint32_t to)
{
  g_autofree uint8_t *data = g_malloc (length);
  TsStamp stamp = {.disk = (uint16_t)disk,
                   .kind = (uint16_t)kind,
                   .sequence = sequence,
                   .offset = offset,
                   .length = length};
  ts_stamp_lay (data, &stamp, 42);
  put (m, disk, offset + from, data + from, to - from);
}

static void
lay_fill (Machine *m)
{
  for (unsigned disk = 0; disk < 2; disk++)
    for (uint64_t block = 0; block < FILL_BYTES / KIB4; block++)
      lay (m, disk, TS_STAMP_FILL, block * KIB4, KIB4, block + 1, 0, KIB4);
}

static const char *
survey (Machine *m, const char *what)
{
  Survey survey = {.data = m->piece};
  survey_begin (&survey, what, &m->disks, &m->port);
  for (int step = 0; survey.running && step < 100; step++)
    survey_step (&survey, &m->disks, &m->port);
  assert_false (survey.running);
  return said (m);
}

/* Each row does something to disk 0 behind its fill, or to the fill; want is what the survey of
 * disk 0 says between the fill and the sums, and the sums. */
enum { END_, LAY_, JUNK_, ZERO_ };
typedef struct {
  int what, kind;
  uint64_t offset;
  uint32_t length;
  uint64_t sequence;
  uint32_t from, to;
} Deed;

#define REC(offset, length, sequence) PART (offset, length, sequence, 0, length)
#define PART(offset, length, sequence, from, to)                                                   \
  {                                                                                                \
    LAY_, TS_STAMP_RECORD, offset, length, sequence, from, to                                      \
  }
#define FILL(offset, sequence)                                                                     \
  {                                                                                                \
    LAY_, TS_STAMP_FILL, offset, KIB4, sequence, 0, KIB4                                           \
  }
#define JUNK(offset, length)                                                                       \
  {                                                                                                \
    JUNK_, 0, offset, length, 0, 0, 0                                                              \
  }
#define ZERO(offset, length)                                                                       \
  {                                                                                                \
    ZERO_, 0, offset, length, 0, 0, 0                                                              \
  }

static const struct row {
  const char *name;
  Deed deed[4];
  const char *want;
} rows[] = {
    {"nothing but fill", {ZERO (16384, 4096)}, "L 0 0 4\ns 0 4 0\n"},
    {"a record", {REC (16384, 4096, 5)}, "L 0 0 4\nS 0 16384 4096 5 w\ns 1 4 0\n"},
    {"two records of two blocks, side by side",
     {REC (16384, 8192, 5), REC (24576, 8192, 6)},
     "L 0 0 4\nS 0 16384 8192 5 w\nS 0 24576 8192 6 w\ns 2 4 0\n"},
    {"a record as long as a piece, over a piece's border",
     {REC (20480, 1 << 20, 5)},
     "L 0 0 4\nS 0 20480 1048576 5 w\ns 1 4 0\n"},
    {"a record that ends where the disk ends",
     {REC (DISK_BYTES - 8192, 8192, 5)},
     "L 0 0 4\nS 0 3137536 8192 5 w\ns 1 4 0\n"},
    {"the head of a record over nothing",
     {PART (16384, 8192, 5, 0, 4096)},
     "L 0 0 4\nS 0 16384 8192 5 t\ns 0 4 1\n"},
    {"the tail of a record over nothing",
     {PART (16384, 12288, 5, 4096, 12288)},
     "L 0 0 4\nS 0 16384 12288 5 t\ns 0 4 1\n"},
    {"one sector of a record",
     {PART (16384, 4096, 5, 1024, 1536)},
     "L 0 0 4\nS 0 16384 4096 5 t\ns 0 4 1\n"},
    {"a new head over an old record",
     {REC (16384, 8192, 5), PART (16384, 8192, 9, 0, 512)},
     "L 0 0 4\nS 0 16384 8192 9 t\ns 0 4 1\n"},
    {"a new tail over an old record",
     {REC (16384, 8192, 5), PART (16384, 8192, 9, 4096, 8192)},
     "L 0 0 4\nS 0 16384 8192 9 t\ns 0 4 1\n"},
    {"a flipped bit in the last sector of a record",
     {REC (16384, 8192, 5), JUNK (24575, 1)},
     "L 0 0 4\nS 0 16384 8192 5 c\ns 0 4 1\n"},
    {"a flipped bit in the first sector: the others tell whose it is",
     {REC (16384, 4096, 5), JUNK (16384 + 300, 1)},
     "L 0 0 4\nS 0 16384 4096 5 c\ns 0 4 1\n"},
    {"a block of junk", {JUNK (16384, 4096)}, "L 0 0 4\nS 0 16384 4096 0 c\ns 0 4 1\n"},
    {"one byte in a blank block", {JUNK (20479, 1)}, "L 0 0 4\nS 0 16384 4096 0 c\ns 0 4 1\n"},
    {"a fill block where records belong",
     {FILL (16384, 5)},
     "L 0 0 4\nS 0 16384 4096 5 t\ns 0 4 1\n"},
    {"a hole in the fill",
     {ZERO (4096, 4096)},
     "L 0 0 1\nS 0 4096 4096 0 c\nL 0 8192 2\ns 0 3 1\n"},
    {"a fill block at another's place",
     {FILL (4096, 3)},
     "L 0 0 1\nS 0 4096 4096 0 c\nL 0 8192 2\ns 0 3 1\n"},
    {"the last byte of the fill is another",
     {JUNK (FILL_BYTES - 1, 1)},
     "L 0 0 3\nS 0 12288 4096 0 c\ns 0 3 1\n"},
};

static void
do_deed (Machine *m, const Deed *deed)
{
  g_autofree uint8_t *junk = g_malloc0 (deed->length);
  switch (deed->what) {
  case LAY_:
    lay (m, 0, deed->kind, deed->offset, deed->length, deed->sequence, deed->from, deed->to);
    break;
  case JUNK_:
    assert_int_equal (pread (m->disks.disk[0].fd, junk, deed->length, (off_t)deed->offset),
                      deed->length);
    for (uint32_t i = 0; i < deed->length; i++)
      junk[i] ^= 0x10;
    put (m, 0, deed->offset, junk, deed->length);
    break;
  default:
    put (m, 0, deed->offset, junk, deed->length);
    break;
  }
}

static void
finds (void **state)
{
  const struct row *row = *state;
  void *machine;
  setup (&machine);
  lay_fill (machine);
  for (guint i = 0; row->deed[i].what != END_; i++)
    do_deed (machine, &row->deed[i]);
  g_autofree char *got = g_strdup (survey (machine, "0:16384"));
  teardown (&machine);
  assert_string_equal (got, row->want);
}

static void
surveys_all_disks_and_only_those_asked (void **state)
{
  Machine *m = *state;
  lay_fill (m);
  lay (m, 1, TS_STAMP_RECORD, 16384, 4096, 7, 0, 4096);
  assert_string_equal (survey (m, "0:16384 1:16384"),
                       "L 0 0 4\nL 1 0 4\nS 1 16384 4096 7 w\ns 1 8 0\n");
  assert_string_equal (survey (m, "1:16384"), "L 1 0 4\nS 1 16384 4096 7 w\ns 1 4 0\n");
}

/* A disk at another's place: every record is whole and none belongs here. */
static void
sees_that_disks_were_swapped (void **state)
{
  Machine *m = *state;
  lay_fill (m);
  lay (m, 1, TS_STAMP_RECORD, 16384, 4096, 7, 0, 4096);
  int fd = m->disks.disk[0].fd;
  m->disks.disk[0].fd = m->disks.disk[1].fd;
  m->disks.disk[1].fd = fd;
  const char *got = survey (m, "0:16384");
  assert_non_null (strstr (got, "S 0 16384 4096 7 t\ns 0 0 5\n"));
}

static void
sees_a_disk_that_cannot_be_read_as_corrupt (void **state)
{
  Machine *m = *state;
  lay_fill (m);
  close (m->disks.disk[0].fd);
  m->disks.disk[0].fd = -1;
  const char *got = survey (m, "0:16384");
  assert_non_null (strstr (got, "E read of disk 0 at 0: Bad file descriptor\n"));
  assert_non_null (strstr (got, "\ns 0 0 768\n"));
}

static void
refuses_a_survey_that_makes_no_sense (void **state)
{
  Machine *m = *state;
  static const char *const lines[] = {"", "2:0", "0:77", "0:4194304", "0:0 x", "x", "0", "0:0 1:"};
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    assert_true (g_str_has_prefix (survey (m, lines[i]), "E survey refused:"));
}

/* --- workload ----------------------------------------------------------------------------------
 */

static const char *
run (Machine *m, Workload *w, const char *line, guint steps)
{
  workload_begin (w, line, &m->disks, &m->port);
  for (guint i = 0; w->running && i < steps; i++)
    workload_step (w, &m->disks, &m->port);
  return said (m);
}

static void
writes_as_planned (void **state)
{
  Machine *m = *state;
  Workload w = {.data = m->record};
  assert_string_equal (run (m, &w, "0 42 8192 0 2 0 2 0:16384:2 1:16384:3", 5),
                       "W 1 0 16384 8192\nW 2 1 16384 8192\nF 2\n"
                       "W 3 0 24576 8192\nW 4 1 24576 8192\nF 4\n"
                       "W 5 0 16384 8192\n");
  workload_end (&w);
  lay_fill (m);
  assert_string_equal (survey (m, "0:16384 1:16384"),
                       "L 0 0 4\nS 0 16384 8192 5 w\nS 0 24576 8192 3 w\n"
                       "L 1 0 4\nS 1 16384 8192 2 w\nS 1 24576 8192 4 w\ns 4 8 0\n");
  workload_settle (&w, &m->disks, &m->port);
  assert_string_equal (said (m), "F 5\n");
  workload_settle (&w, &m->disks, &m->port); /* nothing new became durable */
  assert_string_equal (said (m), "");
}

static void
goes_on_where_it_was (void **state)
{
  Machine *m = *state;
  Workload w = {.data = m->record};
  assert_string_equal (run (m, &w, "0 42 4096 0 0 99 1 1:4096:1", 2),
                       "W 100 1 4096 4096\nW 101 1 4096 4096\n");
}

static void
keeps_its_rate (void **state)
{
  Machine *m = *state;
  Workload w = {.data = m->record};
  workload_begin (&w, "1 42 4096 20000 0 0 1 0:16384:50", &m->disks, &m->port);
  uint64_t first = w.due_us;
  for (int i = 0; i < 10; i++)
    workload_step (&w, &m->disks, &m->port);
  assert_int_equal (w.due_us, first + 10 * 20000); /* by the schedule, not by when it was done */
  assert_in_range (workload_wait_us (&w), 1, 200000);
  w.due_us -= 60000000; /* a minute of standstill is made up for by a second's worth */
  workload_step (&w, &m->disks, &m->port);
  assert_true (w.due_us + 2000000 > first);
  assert_int_equal (workload_wait_us (&w), 0);
}

static void
ends_when_a_disk_fails (void **state)
{
  Machine *m = *state;
  Workload w = {.data = m->record};
  close (m->disks.disk[0].fd);
  m->disks.disk[0].fd = -1;
  assert_string_equal (run (m, &w, "0 42 4096 0 1 0 1 0:0:4", 3),
                       "E write 1 to disk 0 at 0: Bad file descriptor\n");
  assert_false (w.running);
}

static void
refuses_a_workload_that_does_not_fit (void **state)
{
  Machine *m = *state;
  static const char *const lines[] = {
      "",
      "9",
      "3 42 4096 0 0 0 1 0:0:1",
      "-1 42 4096 0 0 0 1 0:0:1",
      "0 42 0 0 0 0 1 0:0:1",
      "0 42 512 0 0 0 1 0:0:1",
      "0 42 2097152 0 0 0 1 0:0:1",
      "0 42 4096 0 0 0 0",
      "0 42 4096 0 0 0 17 0:0:1",
      "0 42 4096 0 0 0 2 0:0:1",
      "0 42 4096 0 0 0 1 0:0:1 1:0:1",
      "0 42 4096 0 0 0 1 0:0:1x",
      "0 42 4096 0 0 0 1 2:0:1",
      "0 42 4096 0 0 0 1 0:512:1",
      "0 42 4096 0 0 0 1 0:0:0",
      "0 42 4096 0 0 0 1 0:0:769",
      "0 42 4096 0 0 0 1 0:3145728:1",
      "0 42 4096 0 0 0 1 0:18446744073709547520:1",
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    Workload w = {.data = m->record};
    const char *got = run (m, &w, lines[i], 1);
    if (!g_str_has_prefix (got, "E workload refused:"))
      fail_msg ("\"%s\" answered \"%s\"", lines[i], got);
  }
}

int
main (void)
{
#define MACHINE_TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  static const struct CMUnitTest machines[] = {
      MACHINE_TEST (surveys_all_disks_and_only_those_asked),
      MACHINE_TEST (sees_that_disks_were_swapped),
      MACHINE_TEST (sees_a_disk_that_cannot_be_read_as_corrupt),
      MACHINE_TEST (refuses_a_survey_that_makes_no_sense),
      MACHINE_TEST (writes_as_planned),
      MACHINE_TEST (goes_on_where_it_was),
      MACHINE_TEST (keeps_its_rate),
      MACHINE_TEST (ends_when_a_disk_fails),
      MACHINE_TEST (refuses_a_workload_that_does_not_fit),
  };
  struct CMUnitTest found[G_N_ELEMENTS (rows)];
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    found[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = finds, .initial_state = (void *)&rows[i]};
  int failed = cmocka_run_group_tests_name ("survey", found, NULL, NULL);
  return failed + cmocka_run_group_tests_name ("machine", machines, NULL, NULL);
}
