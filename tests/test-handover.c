/* tests/test-handover.c -- who has a machine that goes from one host to another (core/site/handover.h):
 * two of them against each other, whatever is lost and whoever dies, at every step.
 *
 * The model of a host here: it runs the machine when the handover lets it, and remembers only what
 * HAND_KEEP has kept.  The machine must never run on both, nor end on none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/base/units.h"
#include "core/site/handover.h"

typedef struct _Side Side;

struct _Side {
  const char *name;
  TsHandover *h;
  GBytes *kept;
  gboolean up;
  gboolean has;    /* the machine's disks: durable */
  gboolean came;   /* what was carried here: durable once settled */
  gboolean settled;
  gboolean runs, held; /* in memory */
  gint connection; /* to the other: 0 none, 1 being made, 2 up */
  GQueue heard;    /* GBytes: messages on their way to it */
  GArray *doing;   /* TsActionKind: asked for and not answered */
  Side *other;
};

typedef struct {
  Side side[2];
  gint64 now_us;
  TsRandom random;
  guint pauses;
} World;

static void step (World *w, Side *s, TsHandoverEvent *ev);

static void
cut (World *w)
{
  for (guint i = 0; i < 2; i++) {
    w->side[i].connection = 0;
    g_queue_clear_full (&w->side[i].heard, (GDestroyNotify)g_bytes_unref);
  }
}

static void
perform (World *w, Side *s, TsAction *a)
{
  switch ((int)a->kind) {
  case TS_ACTION_HAND_CONNECT:
    cut (w);
    s->connection = 1;
    break;
  case TS_ACTION_HAND_HANG_UP:
    if (s->other->connection == 2 && s->other->up) {
      cut (w);
      step (w, s->other, &(TsHandoverEvent){.kind = TS_HANDOVER_LOST, .reason = "hung up"});
    }
    cut (w);
    break;
  case TS_ACTION_HAND_SAY:
    if (s->connection == 2)
      g_queue_push_tail (&s->other->heard, g_bytes_ref (a->payload));
    break;
  case TS_ACTION_HAND_KEEP:
    g_clear_pointer (&s->kept, g_bytes_unref);
    s->kept = a->payload ? g_bytes_ref (a->payload) : NULL;
    if (ts_handover_stage (s->h) == TS_HANDOVER_GIVEN) {
      s->runs = s->held = FALSE;
      assert_true (s->other->came && s->other->settled); /* nothing is given that is not there */
    }
    break;
  case TS_ACTION_HAND_HOLD:
    s->held = TRUE;
    g_array_append_val (s->doing, a->kind);
    break;
  case TS_ACTION_HAND_LET_GO:
    s->held = FALSE;
    break;
  case TS_ACTION_HAND_CARRY:
  case TS_ACTION_HAND_SETTLE:
  case TS_ACTION_HAND_TAKE:
    g_array_append_val (s->doing, a->kind);
    break;
  case TS_ACTION_HAND_LEAVE:
    assert_false (s->runs);
    s->has = FALSE;
    break;
  case TS_ACTION_HAND_SCRAP:
    s->came = s->settled = FALSE;
    break;
  case TS_ACTION_REPORT:
    break;
  default:
    fail_msg ("an action that is none of a handover's: %s", ts_action_name (a->kind));
  }
}

static void
holds (const World *w)
{
  gboolean both = w->side[0].runs && !w->side[0].held && w->side[1].runs && !w->side[1].held;
  assert_false (both);
  for (guint i = 0; i < 2; i++) /* who must not, does not */
    assert_false (w->side[i].runs && !w->side[i].held && ts_handover_forbids (w->side[i].h));
}

static void
step (World *w, Side *s, TsHandoverEvent *ev)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  ev->now_us = w->now_us;
  ts_handover_step (s->h, ev, out);
  for (guint i = 0; i < out->len; i++)
    perform (w, s, &g_array_index (out, TsAction, i));
  holds (w);
}

static void
complete (World *w, Side *s, gboolean ok)
{
  TsActionKind kind = g_array_index (s->doing, TsActionKind, 0);
  g_array_remove_index (s->doing, 0);
  TsHandoverEvent ev = {.kind = TS_HANDOVER_DONE, .action = kind, .ok = ok, .reason = "no luck"};
  if (kind == TS_ACTION_HAND_CARRY) {
    ev.ok = ok = ok && s->other->up && s->connection == 2;
    if (ok) {
      s->other->came = TRUE;
      s->other->settled = FALSE;
    }
  } else if (kind == TS_ACTION_HAND_SETTLE) {
    ev.ok = ok = ok && s->came;
    s->settled = ok;
  } else if (kind == TS_ACTION_HAND_TAKE) {
    ev.ok = TRUE;
    if (s->came) {
      s->came = s->settled = FALSE;
      s->has = s->runs = TRUE;
      w->pauses++;
    }
    assert_true (s->has);
  }
  step (w, s, &ev);
}

static void
die (World *w, Side *s)
{
  gboolean was_connected = s->connection == 2;
  s->up = s->runs = s->held = FALSE;
  s->came = s->came && s->settled;
  g_array_set_size (s->doing, 0);
  cut (w);
  if (was_connected && s->other->up)
    step (w, s->other, &(TsHandoverEvent){.kind = TS_HANDOVER_LOST, .reason = "gone"});
}

/* A host that comes back starts its machine, unless the handover forbids it. */
static void
rise (World *w, Side *s)
{
  g_autoptr (GError) error = NULL;
  ts_handover_free (s->h);
  s->h = s->kept ? ts_handover_restore ("app", s->name, s->kept, &error) : ts_handover_new ("app", s->name);
  assert_null (error);
  s->up = TRUE;
  TsHandoverStage stage = ts_handover_stage (s->h);
  if (stage != TS_HANDOVER_WHOLE && stage != TS_HANDOVER_TAKEN)
    s->came = FALSE;
  if (s->has && !ts_handover_forbids (s->h))
    s->runs = TRUE;
  holds (w);
}

static void
begin (World *w, Side *s)
{
  if (s->up && s->has && ts_handover_stage (s->h) == TS_HANDOVER_NONE && !ts_handover_forbids (s->h))
    step (w, s,
          &(TsHandoverEvent){.kind = TS_HANDOVER_BEGIN, .peer = s->other->name, .replicated = TRUE,
                             .role = TS_ROLE_PRIMARY, .was_on = s->runs});
}

/* One thing of those that may happen next. */
static gboolean
happen (World *w, Side *s, gboolean calm)
{
  Side *o = s->other;
  if (!s->up)
    return FALSE;
  if (s->doing->len > 0 && ts_random_below (&w->random, 2) == 0) {
    complete (w, s, calm || ts_random_below (&w->random, 10) > 0);
    return TRUE;
  }
  if (s->connection == 1 && o->up) {
    s->connection = o->connection = 2;
    step (w, s, &(TsHandoverEvent){.kind = TS_HANDOVER_CONNECTED});
    return TRUE;
  }
  if (s->connection == 2 && s->heard.length > 0) {
    g_autoptr (GBytes) message = g_queue_pop_head (&s->heard);
    step (w, s,
          &(TsHandoverEvent){.kind = TS_HANDOVER_HEARD, .peer = o->name, .message = message,
                             .why_not = s->has ? "it is here" : NULL});
    return TRUE;
  }
  if (ts_handover_wake_us (s->h) <= w->now_us) {
    step (w, s, &(TsHandoverEvent){.kind = TS_HANDOVER_TICK});
    return TRUE;
  }
  return FALSE;
}

static void
world_init (World *w, guint64 seed)
{
  memset (w, 0, sizeof *w);
  ts_random_init (&w->random, seed, "handover");
  w->now_us = TS_S;
  for (guint i = 0; i < 2; i++) {
    Side *s = &w->side[i];
    s->name = i == 0 ? "a" : "b";
    s->other = &w->side[1 - i];
    s->up = TRUE;
    s->has = s->runs = i == 0;
    s->h = ts_handover_new ("app", s->name);
    g_queue_init (&s->heard);
    s->doing = g_array_new (FALSE, FALSE, sizeof (TsActionKind));
  }
}

static void
world_clear (World *w)
{
  cut (w);
  for (guint i = 0; i < 2; i++) {
    ts_handover_free (w->side[i].h);
    g_clear_pointer (&w->side[i].kept, g_bytes_unref);
    g_array_unref (w->side[i].doing);
  }
}

/* Nobody dies any more: it ends, on one of the two. */
static void
settle (World *w)
{
  for (guint i = 0; i < 2; i++)
    if (!w->side[i].up)
      rise (w, &w->side[i]);
  for (guint i = 0; i < 5000; i++) {
    w->now_us += 100 * TS_MS;
    happen (w, &w->side[ts_random_below (&w->random, 2)], TRUE);
  }
  assert_true (w->side[0].has != w->side[1].has);
  for (guint i = 0; i < 2; i++) {
    Side *s = &w->side[i];
    assert_int_equal (ts_handover_stage (s->h), TS_HANDOVER_NONE);
    assert_false (s->held);
    assert_int_equal (s->doing->len, 0);
    assert_int_equal (s->runs, s->has);
    assert_false (s->came);
    if (!s->has && *ts_handover_went_to (s->h) != '\0')
      assert_string_equal (ts_handover_went_to (s->h), s->other->name);
  }
}

static void
any_death_at_any_time (void **state)
{
  guint deaths = 0, moved = 0, stayed = 0;
  for (guint64 seed = 1; seed <= 20000; seed++) {
    World w;
    world_init (&w, seed);
    guint horizon = 20 + (guint)ts_random_below (&w.random, 200);
    for (guint i = 0; i < horizon; i++) {
      Side *s = &w.side[ts_random_below (&w.random, 2)];
      w.now_us += (gint64)ts_random_below (&w.random, (guint64)TS_S);
      switch (ts_random_below (&w.random, 24)) {
      case 0:
        if (s->up) {
          die (&w, s);
          deaths++;
        }
        break;
      case 1:
        if (!s->up)
          rise (&w, s);
        break;
      case 2:
        if (s->connection == 2 && s->other->up) { /* a connection breaks, for both */
          cut (&w);
          step (&w, s, &(TsHandoverEvent){.kind = TS_HANDOVER_LOST, .reason = "reset"});
          if (s->other->up)
            step (&w, s->other, &(TsHandoverEvent){.kind = TS_HANDOVER_LOST, .reason = "reset"});
        }
        break;
      case 3:
        begin (&w, s);
        break;
      default:
        happen (&w, s, FALSE);
      }
    }
    settle (&w);
    moved += w.side[1].has;
    stayed += w.side[0].has;
    world_clear (&w);
  }
  assert_true (deaths > 10000 && moved > 1000 && stayed > 1000); /* all of it was tried */
}

static void
nobody_dies (void **state)
{
  World w;
  world_init (&w, 1);
  begin (&w, &w.side[0]);
  settle (&w);
  assert_true (w.side[1].has && w.side[1].runs);
  assert_string_equal (ts_handover_went_to (w.side[0].h), "b");
  begin (&w, &w.side[1]); /* home */
  settle (&w);
  assert_true (w.side[0].has && w.side[0].runs);
  assert_string_equal (ts_handover_went_to (w.side[0].h), "");
  assert_string_equal (ts_handover_went_to (w.side[1].h), "a");
  assert_int_equal (w.pauses, 2);
  world_clear (&w);
}

/* Somebody else's messages, and what is no message, change nothing. */
static void
strangers (void **state)
{
  World w;
  world_init (&w, 1);
  begin (&w, &w.side[0]);
  for (guint i = 0; i < 400 && ts_handover_stage (w.side[1].h) != TS_HANDOVER_WHOLE; i++) {
    w.now_us += TS_MS;
    happen (&w, &w.side[i % 2], TRUE);
  }
  assert_int_equal (ts_handover_stage (w.side[1].h), TS_HANDOVER_WHOLE);
  /* the TAKE that is on its way, but from another host */
  while (w.side[0].heard.length > 0)
    happen (&w, &w.side[0], TRUE);
  assert_int_equal (ts_handover_stage (w.side[0].h), TS_HANDOVER_GIVEN);
  GBytes *take = g_queue_peek_tail (&w.side[1].heard);
  assert_string_equal (ts_handover_message_name (take), "TAKE");
  step (&w, &w.side[1],
        &(TsHandoverEvent){.kind = TS_HANDOVER_HEARD, .peer = "c", .message = take});
  assert_int_equal (ts_handover_stage (w.side[1].h), TS_HANDOVER_WHOLE);
  g_autoptr (GBytes) noise = g_bytes_new_static ("\1\2\3\4\5\6\7\10", 8);
  step (&w, &w.side[1],
        &(TsHandoverEvent){.kind = TS_HANDOVER_HEARD, .peer = "a", .message = noise});
  assert_int_equal (ts_handover_stage (w.side[1].h), TS_HANDOVER_WHOLE);
  assert_string_equal (ts_handover_message_name (noise), "?");
  assert_null (ts_handover_message_vm (noise));
  settle (&w);
  world_clear (&w);
}

static void
kept_bytes_that_are_none (void **state)
{
  g_autoptr (GBytes) noise = g_bytes_new_static ("nothing of ours", 15);
  g_autoptr (GBytes) none = g_bytes_new_static ("", 0);
  GBytes *all[] = {noise, none};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    g_autoptr (GError) error = NULL;
    assert_null (ts_handover_restore ("app", "a", all[i], &error));
    assert_non_null (error);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (nobody_dies),
      cmocka_unit_test (any_death_at_any_time),
      cmocka_unit_test (strangers),
      cmocka_unit_test (kept_bytes_that_are_none),
  };
  return cmocka_run_group_tests_name ("handover", tests, NULL, NULL);
}
