/* core/site/handover.c -- see handover.h. */
#include "core/site/handover.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <string.h>

/* CHOICE: how long the other host may be silent before it is given up. */
#define ANSWER_US (30 * TS_S)
#define SETTLE_US (10 * TS_MIN) /* behind the last that was carried: it makes all of it durable */
#define ASK_AGAIN_US (5 * TS_S)
#define WORD_MAX 255

/* MESSAGE, version 1: {version, kind, number, vm, replicated, role, was on, pause_us, why} */
#define MESSAGE_TYPE "(uutsbubxs)"
/* KEPT, version 1: {version, stage, number, peer, replicated, role, was on, since, went to, taken} */
#define KEPT_TYPE "(uutsbubxsb)"
#define VERSION 1

typedef enum { OFFER = 1, YES, NO, END, WHOLE, TAKE, TAKEN, BYE, ASK, DROP, KINDS } Kind;

static const char *const kind_names[KINDS] = {
    [OFFER] = "OFFER", [YES] = "YES",     [NO] = "NO",   [END] = "END", [WHOLE] = "WHOLE",
    [TAKE] = "TAKE",   [TAKEN] = "TAKEN", [BYE] = "BYE", [ASK] = "ASK", [DROP] = "DROP",
};

typedef struct {
  Kind kind;
  guint64 number;
  char *vm, *why;
  gboolean replicated, was_on;
  TsRole role;
  gint64 since_us; /* the machine has stood still since then, by the run's clock; -1: it did not run */
} Message;

struct _TsHandover {
  char *vm, *host;
  TsHandoverStage stage;
  guint64 number, last_number; /* last: the newest that was begun here */
  char *peer;
  char *went_to; /* where it went from here; "": it has not, or came back */
  gboolean replicated, was_on;
  TsRole role;
  gboolean connected, connecting;
  gboolean held, carried, settling, taking; /* asked for, or done */
  gboolean busy;                            /* something is asked for and not answered, perhaps of an earlier one */
  gboolean taken;                           /* TAKE is done */
  gint64 held_us;                           /* -1: not held */
  gint64 deadline_us, retry_us;
};

static void
message_clear (Message *message)
{
  g_free (message->vm);
  g_free (message->why);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Message, message_clear)

/* FALSE: it is none of ours. */
static gboolean
open_message (GBytes *bytes, Message *message)
{
  guint32 version, kind, role;
  g_autoptr (GVariant) v =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (MESSAGE_TYPE), bytes, FALSE));
  memset (message, 0, sizeof *message);
  if (!g_variant_is_normal_form (v))
    return FALSE;
  g_variant_get (v, MESSAGE_TYPE, &version, &kind, &message->number, &message->vm,
                 &message->replicated, &role, &message->was_on, &message->since_us, &message->why);
  message->kind = (Kind)kind;
  message->role = (TsRole)role;
  return version == VERSION && kind >= OFFER && kind < KINDS && role <= TS_ROLE_REPLICA &&
         strlen (message->vm) <= WORD_MAX && message->since_us >= -1;
}

static void
say (TsHandover *h, Kind kind, guint64 number, const char *why, TsActions *out)
{
  g_autoptr (GVariant) v = g_variant_ref_sink (
      g_variant_new (MESSAGE_TYPE, VERSION, (guint32)kind, number, h->vm, h->replicated,
                     (guint32)h->role, h->was_on, h->held_us, why));
  ts_actions_add (out, TS_ACTION_HAND_SAY)->payload = g_variant_get_data_as_bytes (v);
}

static void
keep (TsHandover *h, TsHandoverStage stage, TsActions *out)
{
  h->stage = stage;
  TsAction *action = ts_actions_add (out, TS_ACTION_HAND_KEEP);
  if (stage == TS_HANDOVER_NONE && *h->went_to == '\0')
    return;
  g_autoptr (GVariant) v =
      g_variant_ref_sink (g_variant_new (KEPT_TYPE, VERSION, (guint32)stage, h->number, h->peer,
                                         h->replicated, (guint32)h->role, h->was_on, h->held_us, h->went_to, h->taken));
  action->payload = g_variant_get_data_as_bytes (v);
}

/* Record "move": {vm, host, role, phase, to or from, reason}. */
static TsRecord *
record (const TsHandover *h, gint64 now_us, const char *phase)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", h->vm, h->host);
  TsRecord *r = ts_record_new (now_us, source, "move");
  ts_record_text (ts_record_text (r, "vm", h->vm), "host", h->host);
  ts_record_text (r, "role", h->replicated ? ts_role_name (h->role) : "none");
  gboolean in = h->stage >= TS_HANDOVER_IN;
  ts_record_text (r, in ? "from" : "to", h->peer);
  return ts_record_text (r, "phase", phase);
}

static void
set_name (char **name, const char *to)
{
  char *copy = g_strdup (to);
  g_free (*name);
  *name = copy;
}

/* Answered by DONE; one at a time. */
static void
ask (TsHandover *h, TsActionKind kind, TsActions *out)
{
  h->busy = TRUE;
  ts_actions_add (out, kind);
}

static void
hang_up (TsHandover *h, TsActions *out)
{
  if (h->connected || h->connecting)
    ts_actions_add (out, TS_ACTION_HAND_HANG_UP);
  h->connected = h->connecting = FALSE;
  h->deadline_us = TS_NEVER;
}

static void
connect (TsHandover *h, gint64 now_us, TsActions *out)
{
  h->connecting = TRUE;
  h->deadline_us = now_us + ANSWER_US;
  h->retry_us = TS_NEVER;
  ts_actions_add (out, TS_ACTION_HAND_CONNECT);
}

/* --- the giver -------------------------------------------------------------------------------- */

/* It stays, and goes on. */
static void
stay (TsHandover *h, gint64 now_us, const char *why, TsActions *out)
{
  hang_up (h, out);
  TsRecord *r = record (h, now_us, "failed");
  if (h->held_us >= 0)
    ts_record_int (r, "pause_us", now_us - h->held_us);
  ts_actions_add (out, TS_ACTION_HAND_LET_GO);
  h->stage = TS_HANDOVER_NONE;
  h->held = h->carried = FALSE;
  h->held_us = -1;
  ts_actions_report (out, ts_record_text (r, "reason", why));
}

static void
begin (TsHandover *h, const TsHandoverEvent *ev, TsActions *out)
{
  if (h->stage != TS_HANDOVER_NONE || h->busy) {
    ts_actions_report (out, ts_record_text (record (h, ev->now_us, "failed"), "reason",
                                            "the last move of the virtual machine is not over"));
    return;
  }
  hang_up (h, out);
  h->stage = TS_HANDOVER_OUT;
  /* numbers never come back, not even when a clock stands still */
  h->number = MAX (h->last_number + 1, (guint64)ev->now_us);
  h->last_number = h->number;
  h->replicated = ev->replicated;
  h->role = ev->role;
  h->was_on = ev->was_on;
  h->held = h->carried = h->taken = FALSE;
  h->held_us = -1;
  set_name (&h->peer, ev->peer);
  ts_actions_report (out, record (h, ev->now_us, "begun"));
  connect (h, ev->now_us, out);
}

static void
giver_hears (TsHandover *h, gint64 now_us, const char *peer, const Message *m, TsActions *out)
{
  gboolean mine = m->number == h->number && g_strcmp0 (peer, h->peer) == 0;
  switch ((int)m->kind) { /* only those that it hears */
  case YES:
    if (h->stage != TS_HANDOVER_OUT || !mine || h->held)
      return;
    h->held = TRUE;
    h->deadline_us = TS_NEVER;
    h->held_us = h->was_on ? now_us : -1;
    ask (h, TS_ACTION_HAND_HOLD, out);
    return;
  case NO:
    if (h->stage == TS_HANDOVER_OUT && mine)
      stay (h, now_us, m->why, out);
    return;
  case WHOLE:
    if (h->stage != TS_HANDOVER_OUT || !mine || !h->carried)
      return;
    keep (h, TS_HANDOVER_GIVEN, out); /* from here on it is the other's */
    ts_actions_report (out, record (h, now_us, "given"));
    h->deadline_us = TS_NEVER;
    say (h, TAKE, h->number, "", out);
    return;
  case TAKEN:
    if (h->stage == TS_HANDOVER_GIVEN && mine) {
      set_name (&h->went_to, h->peer);
      keep (h, TS_HANDOVER_NONE, out);
      ts_actions_add (out, TS_ACTION_HAND_LEAVE);
      ts_actions_report (out, record (h, now_us, "done"));
    }
    say (h, BYE, m->number, "", out);
    return;
  case ASK: /* the taker has all of one, and does not know whose it is */
    if (mine && h->stage == TS_HANDOVER_GIVEN)
      say (h, TAKE, m->number, "", out);
    else if (mine && h->stage == TS_HANDOVER_OUT && h->carried) /* its WHOLE is on its way, or lost */
      giver_hears (h, now_us, peer, &(Message){.kind = WHOLE, .number = m->number}, out);
    else
      say (h, DROP, m->number, "", out);
    return;
  default:
    return;
  }
}

/* --- the taker -------------------------------------------------------------------------------- */

static void
scrap (TsHandover *h, TsActions *out)
{
  keep (h, TS_HANDOVER_NONE, out); /* first: what is not named may go */
  ts_actions_add (out, TS_ACTION_HAND_SCRAP);
  h->settling = h->taking = h->taken = FALSE;
  h->retry_us = h->deadline_us = TS_NEVER;
}

static void
offered (TsHandover *h, const TsHandoverEvent *ev, const Message *m, TsActions *out)
{
  const char *why = ev->why_not;
  if (h->stage == TS_HANDOVER_OUT || h->stage == TS_HANDOVER_GIVEN)
    why = "the virtual machine is being moved from this host";
  else if (h->busy)
    why = "the last move of the virtual machine is not over";
  if (why) {
    say (h, NO, m->number, why, out);
    return;
  }
  if (h->stage == TS_HANDOVER_IN || h->stage == TS_HANDOVER_WHOLE)
    ts_actions_add (out, TS_ACTION_HAND_SCRAP); /* of an earlier one, which has failed */
  if (h->stage != TS_HANDOVER_NONE)
    keep (h, TS_HANDOVER_NONE, out);
  h->stage = TS_HANDOVER_IN;
  h->number = m->number;
  h->replicated = m->replicated;
  h->role = m->role;
  h->was_on = m->was_on;
  h->held_us = -1;
  h->settling = h->taking = h->taken = FALSE;
  set_name (&h->peer, ev->peer);
  h->retry_us = h->deadline_us = TS_NEVER;
  say (h, YES, m->number, "", out);
}

static void
taker_hears (TsHandover *h, const TsHandoverEvent *ev, const Message *m, TsActions *out)
{
  gboolean mine = m->number == h->number && h->stage >= TS_HANDOVER_IN &&
                  g_strcmp0 (ev->peer, h->peer) == 0;
  switch ((int)m->kind) { /* only those that it hears */
  case OFFER:
    offered (h, ev, m, out);
    return;
  case END:
    if (mine && h->stage == TS_HANDOVER_IN && !h->settling) {
      h->settling = TRUE;
      ask (h, TS_ACTION_HAND_SETTLE, out);
    }
    return;
  case TAKE:
    if (mine && h->stage == TS_HANDOVER_WHOLE && !h->taking) {
      h->taking = TRUE;
      h->held_us = m->since_us;
      set_name (&h->went_to, ""); /* it has come back, if it ever was here */
      keep (h, TS_HANDOVER_TAKEN, out);
      ask (h, TS_ACTION_HAND_TAKE, out);
    } else if (mine && h->stage == TS_HANDOVER_TAKEN && h->taken)
      say (h, TAKEN, m->number, "", out);
    return;
  case BYE:
    if (mine && h->stage == TS_HANDOVER_TAKEN && h->taken) {
      keep (h, TS_HANDOVER_NONE, out);
      hang_up (h, out);
      h->retry_us = TS_NEVER;
    }
    return;
  case DROP:
    if (mine && h->stage == TS_HANDOVER_WHOLE) {
      scrap (h, out);
      hang_up (h, out);
    }
    return;
  default:
    return;
  }
}

/* --- what is done, and what is lost ----------------------------------------------------------- */

static void
done (TsHandover *h, const TsHandoverEvent *ev, TsActions *out)
{
  const char *reason = ev->reason ? ev->reason : "it failed";
  h->busy = FALSE;
  switch ((int)ev->action) {
  case TS_ACTION_HAND_HOLD:
    if (h->stage != TS_HANDOVER_OUT)
      return;
    if (!ev->ok) {
      stay (h, ev->now_us, reason, out);
      return;
    }
    ts_actions_report (out, record (h, ev->now_us, "held"));
    ask (h, TS_ACTION_HAND_CARRY, out);
    return;
  case TS_ACTION_HAND_CARRY:
    if (h->stage != TS_HANDOVER_OUT)
      return;
    if (!ev->ok) {
      stay (h, ev->now_us, reason, out);
      return;
    }
    h->carried = TRUE;
    h->deadline_us = ev->now_us + SETTLE_US;
    say (h, END, h->number, "", out);
    return;
  case TS_ACTION_HAND_SETTLE:
    if (h->stage != TS_HANDOVER_IN)
      return;
    if (!ev->ok) {
      say (h, NO, h->number, reason, out);
      scrap (h, out);
      return;
    }
    keep (h, TS_HANDOVER_WHOLE, out);
    if (h->connected)
      say (h, WHOLE, h->number, "", out);
    else
      h->retry_us = ev->now_us; /* to ask */
    return;
  case TS_ACTION_HAND_TAKE: {
    if (h->stage != TS_HANDOVER_TAKEN)
      return;
    h->taking = FALSE;
    h->taken = TRUE; /* also when the machine has not started: it is here, and off */
    keep (h, TS_HANDOVER_TAKEN, out);
    TsRecord *r = record (h, ev->now_us, "arrived");
    if (h->held_us >= 0)
      ts_record_int (r, "pause_us", ev->now_us - h->held_us);
    ts_actions_report (out, ts_record_text (r, "reason", ev->ok ? "" : reason));
    if (h->connected)
      say (h, TAKEN, h->number, "", out);
    else
      h->retry_us = ev->now_us;
    return;
  }
  default:
    return;
  }
}

static void
lost (TsHandover *h, const TsHandoverEvent *ev, TsActions *out)
{
  h->connected = h->connecting = FALSE;
  h->deadline_us = TS_NEVER;
  switch (h->stage) {
  case TS_HANDOVER_OUT: {
    g_autofree char *why = g_strdup_printf ("host %s: %s", h->peer, ev->reason ? ev->reason : "");
    stay (h, ev->now_us, why, out);
    return;
  }
  case TS_HANDOVER_IN:
    if (!h->settling)
      scrap (h, out);
    return; /* else it is asked for when it is durable */
  case TS_HANDOVER_WHOLE:
  case TS_HANDOVER_TAKEN:
    h->retry_us = ev->now_us + ASK_AGAIN_US;
    return;
  case TS_HANDOVER_NONE:
  case TS_HANDOVER_GIVEN: /* the taker asks */
    return;
  }
}

static void
tick (TsHandover *h, gint64 now_us, TsActions *out)
{
  if (now_us >= h->deadline_us) {
    hang_up (h, out);
    TsHandoverEvent silent = {.now_us = now_us, .reason = "it does not answer"};
    lost (h, &silent, out);
  }
  if (now_us < h->retry_us)
    return;
  h->retry_us = TS_NEVER;
  if (h->stage == TS_HANDOVER_NONE && *h->went_to != '\0') /* a crash may have left something behind */
    ts_actions_add (out, TS_ACTION_HAND_LEAVE);
  if (h->stage == TS_HANDOVER_TAKEN && !h->taken && !h->taking) { /* cut off by a crash of this host */
    h->taking = TRUE;
    ask (h, TS_ACTION_HAND_TAKE, out);
    return;
  }
  if ((h->stage == TS_HANDOVER_WHOLE || h->stage == TS_HANDOVER_TAKEN) && !h->connected && !h->connecting)
    connect (h, now_us, out);
}

void
ts_handover_step (TsHandover *h, const TsHandoverEvent *ev, TsActions *out)
{
  switch (ev->kind) {
  case TS_HANDOVER_BEGIN:
    begin (h, ev, out);
    return;
  case TS_HANDOVER_CONNECTED:
    if (!h->connecting)
      return;
    h->connecting = FALSE;
    h->connected = TRUE;
    h->deadline_us = ev->now_us + ANSWER_US;
    if (h->stage == TS_HANDOVER_OUT)
      say (h, OFFER, h->number, "", out);
    else if (h->stage == TS_HANDOVER_WHOLE)
      say (h, ASK, h->number, "", out);
    else if (h->stage == TS_HANDOVER_TAKEN)
      say (h, TAKEN, h->number, "", out);
    return;
  case TS_HANDOVER_HEARD: {
    g_auto (Message) m = {0};
    if (!open_message (ev->message, &m) || g_strcmp0 (m.vm, h->vm) != 0)
      return;
    h->connected = TRUE;
    if (m.kind == YES || m.kind == NO || m.kind == WHOLE || m.kind == TAKEN || m.kind == ASK)
      giver_hears (h, ev->now_us, ev->peer, &m, out);
    else
      taker_hears (h, ev, &m, out);
    return;
  }
  case TS_HANDOVER_LOST:
    lost (h, ev, out);
    return;
  case TS_HANDOVER_DONE:
    done (h, ev, out);
    return;
  case TS_HANDOVER_TICK:
    tick (h, ev->now_us, out);
    return;
  }
}

gint64
ts_handover_wake_us (const TsHandover *h)
{
  return MIN (h->deadline_us, h->retry_us);
}

/* --- coming and going ------------------------------------------------------------------------- */

TsHandover *
ts_handover_new (const char *vm, const char *host)
{
  TsHandover *h = g_new0 (TsHandover, 1);
  h->vm = g_strdup (vm);
  h->host = g_strdup (host);
  h->peer = g_strdup ("");
  h->went_to = g_strdup ("");
  h->held_us = -1;
  h->deadline_us = h->retry_us = TS_NEVER;
  return h;
}

TsHandover *
ts_handover_restore (const char *vm, const char *host, GBytes *kept, GError **error)
{
  g_autoptr (TsHandover) h = ts_handover_new (vm, host);
  g_autoptr (GVariant) v =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (KEPT_TYPE), kept, FALSE));
  guint32 version, stage, role;
  if (!g_variant_is_normal_form (v)) {
    ts_throw (error, TS_ERROR_FORMAT, "handover: not in normal form");
    return NULL;
  }
  g_clear_pointer (&h->peer, g_free);
  g_clear_pointer (&h->went_to, g_free);
  g_variant_get (v, KEPT_TYPE, &version, &stage, &h->number, &h->peer, &h->replicated, &role,
                 &h->was_on, &h->held_us, &h->went_to, &h->taken);
  gboolean is_kept = stage == TS_HANDOVER_NONE || stage == TS_HANDOVER_GIVEN ||
                     stage == TS_HANDOVER_WHOLE || stage == TS_HANDOVER_TAKEN;
  if (version != VERSION || !is_kept || role > TS_ROLE_REPLICA || h->held_us < -1) {
    ts_throw (error, TS_ERROR_FORMAT, "handover: version %u, stage %u, role %u", version, stage, role);
    return NULL;
  }
  h->stage = (TsHandoverStage)stage;
  h->role = (TsRole)role;
  h->last_number = h->number;
  h->retry_us = stage == TS_HANDOVER_GIVEN ? TS_NEVER : 0;
  return g_steal_pointer (&h);
}

void
ts_handover_free (TsHandover *h)
{
  if (!h)
    return;
  g_free (h->vm);
  g_free (h->host);
  g_free (h->peer);
  g_free (h->went_to);
  g_free (h);
}

TsHandoverStage
ts_handover_stage (const TsHandover *h)
{
  return h->stage;
}

gboolean
ts_handover_forbids (const TsHandover *h)
{
  return h && (h->stage == TS_HANDOVER_GIVEN || h->stage == TS_HANDOVER_IN ||
               h->stage == TS_HANDOVER_WHOLE ||
               (*h->went_to != '\0' && h->stage != TS_HANDOVER_TAKEN));
}

const char *
ts_handover_peer (const TsHandover *h)
{
  return h->peer;
}

const char *
ts_handover_went_to (const TsHandover *h)
{
  return h && h->stage == TS_HANDOVER_NONE ? h->went_to : "";
}

gboolean
ts_handover_replicated (const TsHandover *h)
{
  return h->replicated;
}

TsRole
ts_handover_role (const TsHandover *h)
{
  return h->role;
}

gboolean
ts_handover_was_on (const TsHandover *h)
{
  return h->was_on;
}

guint64
ts_handover_number (const TsHandover *h)
{
  return h->number;
}

const char *
ts_handover_message_name (GBytes *message)
{
  g_auto (Message) m = {0};
  return open_message (message, &m) ? kind_names[m.kind] : "?";
}

char *
ts_handover_message_vm (GBytes *message)
{
  g_auto (Message) m = {0};
  return open_message (message, &m) ? g_steal_pointer (&m.vm) : NULL;
}
