/* The talk with a guest: what is a line and what is not, and a real socket with all its ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/world/guest-channel.h"

#define REFUSED (-1)

static const struct row {
  const char *line;
  int said;
  TsGuestMessage want;
} rows[] = {
    {"R 1", TS_GUEST_READY, {.number = 1}},
    {"p 9223372036854775807", TS_GUEST_ALIVE, {.number = G_MAXINT64}},
    {"W 7 1 8192 4096",
     TS_GUEST_WROTE,
     {.number = 7, .disk = 1, .offset_bytes = 8192, .length_bytes = 4096}},
    {"F 7", TS_GUEST_FLUSHED, {.number = 7}},
    {"S 15 4096 8192 3 w",
     TS_GUEST_HELD,
     {.number = 3, .disk = 15, .offset_bytes = 4096, .length_bytes = 8192, .held = 'w'}},
    {"S 0 0 4096 3 t", TS_GUEST_HELD, {.number = 3, .length_bytes = 4096, .held = 't'}},
    {"S 0 0 4096 0 c", TS_GUEST_HELD, {.length_bytes = 4096, .held = 'c'}},
    {"L 1 4096 3",
     TS_GUEST_FILL,
     {.number = 3, .disk = 1, .offset_bytes = 4096, .length_bytes = 12288}},
    {"s 1 2 3", TS_GUEST_SURVEYED, {.records = 1, .fill = 2, .bad = 3}},
    {"E a\tb\x80", TS_GUEST_TROUBLE, {.text = "a?b?"}},
    {"E ", TS_GUEST_TROUBLE, {.text = ""}},
    {"", REFUSED, {0}},
    {"R", REFUSED, {0}},
    {"R ", REFUSED, {0}},
    {"R 1 ", REFUSED, {0}},
    {"R 1\r", REFUSED, {0}},
    {" R 1", REFUSED, {0}},
    {"R  1", REFUSED, {0}},
    {"R 0x1", REFUSED, {0}},
    {"R +1", REFUSED, {0}},
    {"R -1", REFUSED, {0}},
    {"P 1", REFUSED, {0}},
    {"p 9223372036854775808", REFUSED, {0}},
    {"p 99999999999999999999999999", REFUSED, {0}},
    {"W 0 1 8192 4096", REFUSED, {0}},  /* sequences start at 1 */
    {"W 7 16 8192 4096", REFUSED, {0}}, /* disks end at 15 */
    {"W 7 4294967296 8192 4096", REFUSED, {0}},
    {"W 7 1 8191 4096", REFUSED, {0}},
    {"W 7 1 8192 512", REFUSED, {0}},
    {"W 7 1 8192 0", REFUSED, {0}},
    {"W 7 1 8192", REFUSED, {0}},
    {"W 7 1 8192 4096 1", REFUSED, {0}},
    {"W 7 1 9223372036854771712 4096", REFUSED, {0}}, /* ends past 2^63 - 1 */
    {"F 0", REFUSED, {0}},
    {"S 0 0 4096 0 w", REFUSED, {0}},
    {"S 0 0 4096 1 x", REFUSED, {0}},
    {"S 0 0 4096 1 ", REFUSED, {0}},
    {"S 0 0 4096 1 ww", REFUSED, {0}},
    {"L 0 0 0", REFUSED, {0}},
    {"L 0 4096 2251799813685248", REFUSED, {0}},
    {"E", REFUSED, {0}},
    {"Etext", REFUSED, {0}},
};

static void
parses (void **state)
{
  const struct row *row = *state;
  g_autoptr (GError) error = NULL;
  TsGuestMessage message;
  gboolean good = ts_guest_message_parse (row->line, strlen (row->line), &message, &error);
  assert_int_equal (good, row->said != REFUSED);
  if (!good) {
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    return;
  }
  assert_int_equal (message.said, row->said);
  assert_int_equal (message.number, row->want.number);
  assert_int_equal (message.disk, row->want.disk);
  assert_int_equal (message.offset_bytes, row->want.offset_bytes);
  assert_int_equal (message.length_bytes, row->want.length_bytes);
  assert_int_equal (message.held, row->want.held);
  assert_int_equal (message.records, row->want.records);
  assert_int_equal (message.fill, row->want.fill);
  assert_int_equal (message.bad, row->want.bad);
  assert_string_equal (message.text, row->want.text);
}

static void
refuses_a_nul_byte (void **state)
{
  TsGuestMessage message;
  assert_false (ts_guest_message_parse ("S 0 0 4096 1 \0", 14, &message, NULL));
  assert_false (ts_guest_message_parse ("R 1\0", 4, &message, NULL));
}

/* --- a guest made of a listening socket --------------------------------------------------------
 */

typedef struct {
  char *folder, *path;
  int listener, guest; /* -1: none */
  TsGuestChannel *channel;
  GString *heard; /* what the events said */
  GError *lost;
  gboolean free_on_message, free_on_lost;
} Talk;

static void
on_message (TsGuestChannel *channel, const TsGuestMessage *message, gpointer user)
{
  Talk *talk = user;
  g_string_append_printf (talk->heard, "%d:%" G_GUINT64_FORMAT " ", message->said, message->number);
  if (talk->free_on_message) {
    ts_guest_channel_free (channel);
    talk->channel = NULL;
  }
}

static void
on_lost (TsGuestChannel *channel, const GError *reason, gpointer user)
{
  Talk *talk = user;
  assert_null (talk->lost); /* once */
  talk->lost = g_error_copy (reason);
  if (talk->free_on_lost) {
    ts_guest_channel_free (channel);
    talk->channel = NULL;
  }
}

static const TsGuestChannelEvents events = {on_message, on_lost};

static int
setup (void **state)
{
  Talk *talk = g_new0 (Talk, 1);
  talk->folder = g_dir_make_tmp ("ts-guest-XXXXXX", NULL);
  talk->path = g_build_filename (talk->folder, "agent", NULL);
  talk->listener = talk->guest = -1;
  talk->heard = g_string_new (NULL);
  *state = talk;
  return 0;
}

static void
hang_up (Talk *talk)
{
  if (talk->guest >= 0)
    close (talk->guest);
  talk->guest = -1;
}

static int
teardown (void **state)
{
  Talk *talk = *state;
  ts_guest_channel_free (talk->channel);
  hang_up (talk);
  if (talk->listener >= 0)
    close (talk->listener);
  g_unlink (talk->path);
  g_rmdir (talk->folder);
  g_clear_error (&talk->lost);
  g_string_free (talk->heard, TRUE);
  g_free (talk->folder);
  g_free (talk->path);
  g_free (talk);
  return 0;
}

static void
guest_listen (Talk *talk)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy (address.sun_path, talk->path, sizeof address.sun_path);
  talk->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal (bind (talk->listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal (listen (talk->listener, 1), 0);
}

static gboolean
wake (gpointer user)
{
  return G_SOURCE_CONTINUE;
}

/* Turns the main loop until done says so; at most 5 s. */
#define RUN_UNTIL(done)                                                                            \
  do {                                                                                             \
    guint waker_ = g_timeout_add (5, wake, NULL);                                                  \
    gint64 end_ = g_get_monotonic_time () + 5 * TS_S;                                              \
    while (!(done) && g_get_monotonic_time () < end_)                                              \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (waker_);                                                                      \
    assert_true (done);                                                                            \
  } while (0)

static gboolean
accepted (Talk *talk)
{
  if (talk->guest < 0)
    talk->guest = accept4 (talk->listener, NULL, NULL, SOCK_NONBLOCK);
  return talk->guest >= 0;
}

static void
begin (Talk *talk)
{
  guest_listen (talk);
  talk->channel = ts_guest_channel_open (talk->path, 5 * TS_S, &events, talk);
  RUN_UNTIL (accepted (talk));
}

static void
guest_says (Talk *talk, const char *text, gsize len)
{
  assert_int_equal (write (talk->guest, text, len), len);
}
#define SAYS(talk, text) guest_says (talk, text, strlen (text))

static void
talks_both_ways (void **state)
{
  Talk *talk = *state;
  talk->channel = ts_guest_channel_open (talk->path, 5 * TS_S, &events, talk);
  ts_guest_channel_say (talk->channel, "P %d", 1); /* before there is anybody */
  guint waker = g_timeout_add (5, wake, NULL);
  for (int i = 0; i < 20; i++)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (waker);
  assert_null (talk->lost);
  guest_listen (talk);
  RUN_UNTIL (accepted (talk));
  ts_guest_channel_say (talk->channel, "W");
  char said[32] = "";
  gsize have = 0;
  for (gint64 end = g_get_monotonic_time () + 5 * TS_S; have < 6 && g_get_monotonic_time () < end;
       g_main_context_iteration (NULL, FALSE)) {
    ssize_t got = read (talk->guest, said + have, sizeof said - 1 - have);
    have += got > 0 ? (gsize)got : 0;
  }
  assert_string_equal (said, "P 1\nW\n");
  SAYS (talk, "R 1\np ");
  RUN_UNTIL (talk->heard->len > 0);
  assert_string_equal (talk->heard->str, "0:1 "); /* half a line is none */
  SAYS (talk, "7\nF 9\n");
  RUN_UNTIL (talk->heard->len > 8);
  assert_string_equal (talk->heard->str, "0:1 1:7 3:9 ");
  assert_int_equal (ts_guest_channel_garbage (talk->channel), 0);
}

static void
drops_garbage (void **state)
{
  Talk *talk = *state;
  begin (talk);
  SAYS (talk, "\n\xff\xfe\nW 1\nR 1\nR 1 1\n");
  RUN_UNTIL (ts_guest_channel_garbage (talk->channel) == 4);
  assert_string_equal (talk->heard->str, "0:1 ");
  assert_null (talk->lost);
}

static void
ends_with_an_endless_line (void **state)
{
  Talk *talk = *state;
  char line[257];
  memset (line, 'x', sizeof line);
  begin (talk);
  guest_says (talk, line, 256); /* the longest that is a line: garbage, no more */
  guest_says (talk, "\n", 1);
  RUN_UNTIL (ts_guest_channel_garbage (talk->channel) == 1);
  assert_null (talk->lost);
  SAYS (talk, "R 1\n");
  guest_says (talk, line, 257);
  RUN_UNTIL (talk->lost);
  assert_true (g_error_matches (talk->lost, TS_ERROR, TS_ERROR_FORMAT));
  assert_string_equal (talk->heard->str, "0:1 "); /* what came before it counts */
}

/* Power loss: what was said before it is heard, then the loss, and never anything again. */
static void
hears_the_last_word (void **state)
{
  Talk *talk = *state;
  begin (talk);
  ts_guest_channel_say (talk->channel, "P 1"); /* not read by the guest: its socket is reset */
  SAYS (talk, "F 1\nF 2\nF");
  hang_up (talk);
  RUN_UNTIL (talk->lost);
  assert_true (g_error_matches (talk->lost, TS_ERROR, TS_ERROR_LOST));
  assert_string_equal (talk->heard->str, "3:1 3:2 ");
  ts_guest_channel_say (talk->channel, "P 2"); /* into the void: no crash, no second loss */
  for (int i = 0; i < 5; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
gives_up_in_time (void **state)
{
  Talk *talk = *state;
  gint64 start = g_get_monotonic_time ();
  talk->channel = ts_guest_channel_open (talk->path, 200 * TS_MS, &events, talk);
  RUN_UNTIL (talk->lost);
  assert_true (g_error_matches (talk->lost, TS_ERROR, TS_ERROR_LOST));
  assert_non_null (strstr (talk->lost->message, talk->path));
  assert_true (g_get_monotonic_time () - start >= 200 * TS_MS);
}

static void
says_that_a_path_is_too_long (void **state)
{
  Talk *talk = *state;
  g_autofree char *path = g_strnfill (200, 'x');
  talk->channel = ts_guest_channel_open (path, 5 * TS_S, &events, talk);
  RUN_UNTIL (talk->lost);
  assert_non_null (strstr (talk->lost->message, g_strerror (ENAMETOOLONG)));
}

static void
may_be_freed_in_a_message (void **state)
{
  Talk *talk = *state;
  talk->free_on_message = TRUE;
  begin (talk);
  SAYS (talk, "R 1\nR 2\nR 3\n");
  RUN_UNTIL (!talk->channel);
  for (int i = 0; i < 5; i++)
    g_main_context_iteration (NULL, FALSE);
  assert_string_equal (talk->heard->str, "0:1 ");
  assert_null (talk->lost);
}

static void
may_be_freed_in_lost (void **state)
{
  Talk *talk = *state;
  talk->free_on_lost = TRUE;
  begin (talk);
  hang_up (talk);
  RUN_UNTIL (!talk->channel);
  assert_non_null (talk->lost);
}

/* A guest that takes nothing does not make the runner keep everything. */
static void
ends_with_a_guest_that_is_deaf (void **state)
{
  Talk *talk = *state;
  g_autofree char *text = g_strnfill (100 * 1024, 'P');
  begin (talk);
  for (int i = 0; i < 40; i++)
    ts_guest_channel_say (talk->channel, "%s", text);
  RUN_UNTIL (talk->lost);
  assert_true (g_error_matches (talk->lost, TS_ERROR, TS_ERROR_LOST));
}

int
main (void)
{
  static const struct CMUnitTest talks[] = {
      cmocka_unit_test (refuses_a_nul_byte),
      cmocka_unit_test_setup_teardown (talks_both_ways, setup, teardown),
      cmocka_unit_test_setup_teardown (drops_garbage, setup, teardown),
      cmocka_unit_test_setup_teardown (ends_with_an_endless_line, setup, teardown),
      cmocka_unit_test_setup_teardown (hears_the_last_word, setup, teardown),
      cmocka_unit_test_setup_teardown (gives_up_in_time, setup, teardown),
      cmocka_unit_test_setup_teardown (says_that_a_path_is_too_long, setup, teardown),
      cmocka_unit_test_setup_teardown (may_be_freed_in_a_message, setup, teardown),
      cmocka_unit_test_setup_teardown (may_be_freed_in_lost, setup, teardown),
      cmocka_unit_test_setup_teardown (ends_with_a_guest_that_is_deaf, setup, teardown),
  };
  struct CMUnitTest lines[G_N_ELEMENTS (rows)];
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    lines[i] = (struct CMUnitTest){
        .name = rows[i].line, .test_func = parses, .initial_state = (void *)&rows[i]};
  int failed = cmocka_run_group_tests_name ("lines", lines, NULL, NULL);
  return failed + cmocka_run_group_tests_name ("talks", talks, NULL, NULL);
}
