/* core/site/handover.h -- a VM goes from one host to another of its cloud: who has it, at every
 * instant.
 *
 * HVR reference 2.6, "Live migration / storage migration": how the vendor's migration works is not
 * part of it (SILENT).  CHOICE: a quick migration with its storage: the machine stands still while
 * memory, disks, logs and what tracks them go to the other host, and goes on there where it was.
 * The pause grows with what there is to carry; it is told (record "move", pause_us).
 *
 *   giver                                    taker
 *   OFFER number, vm, role  ------------->   may it come?
 *                           <-------------   YES, or NO why
 *   hold, carry, END        =============>   settle: durable
 *                           <-------------   WHOLE
 *   persist GIVEN; TAKE     ------------->   persist TAKEN; take: it runs here
 *   persist where; leave    <-------------   TAKEN
 *   BYE                     ------------->   forgets the handover
 *
 * The instant at which the giver has persisted GIVEN is the one at which the VM changes hands: before,
 * only the giver may run it, after, only the taker.  What breaks off before leaves it with the giver,
 * whose machine goes on; the taker, which cannot know, asks (ASK) as long as it has something whole,
 * and hears TAKE or DROP.  So whichever of the two dies, it is on one of both when they are up again.
 * A giver that has crashed while it held the machine is a host that has crashed (trap 13).
 *
 * One machine stands for one VM on one host; events in, actions out, no failure of its own. */
#pragma once
#include "core/relation/action.h"
#include "core/relation/state.h"

typedef struct _TsHandover TsHandover;

typedef enum {
  TS_HANDOVER_NONE,
  TS_HANDOVER_OUT,   /* ours still, being given */
  TS_HANDOVER_GIVEN, /* persisted: the other's, which may not know yet */
  TS_HANDOVER_IN,    /* being received */
  TS_HANDOVER_WHOLE, /* persisted: all there; whose it is, the other knows */
  TS_HANDOVER_TAKEN, /* persisted: ours; the other may not know that we know */
} TsHandoverStage;

typedef enum {
  TS_HANDOVER_BEGIN,     /* to `peer`: there, as `role` of its relation; what was asked has been allowed */
  TS_HANDOVER_HEARD,     /* a message of `peer`, which is connected */
  TS_HANDOVER_CONNECTED, /* as HAND_CONNECT asked */
  TS_HANDOVER_LOST,      /* the connection, whoever made it */
  TS_HANDOVER_DONE,      /* an action that answers has ended */
  TS_HANDOVER_TICK,
} TsHandoverEventKind;

typedef struct {
  gint64 now_us;
  TsHandoverEventKind kind;
  const char *peer;    /* BEGIN, HEARD */
  gboolean replicated; /* BEGIN: has it a relation? */
  TsRole role;         /* BEGIN: of that */
  gboolean was_on;     /* BEGIN: does the machine run? */
  GBytes *message;     /* HEARD */
  const char *why_not; /* HEARD, when it may be an OFFER: why this host cannot take it; NULL: it can */
  TsActionKind action; /* DONE */
  gboolean ok;
  const char *reason; /* LOST; DONE, not ok */
} TsHandoverEvent;

/* All is copied. */
TsHandover *ts_handover_new (const char *vm, const char *host) G_GNUC_WARN_UNUSED_RESULT;
/* As HAND_KEEP kept it.  TS_ERROR_FORMAT.  Its first TICK, at once, says what is left to do. */
TsHandover *ts_handover_restore (const char *vm, const char *host, GBytes *kept, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void ts_handover_free (TsHandover *handover); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHandover, ts_handover_free)

void ts_handover_step (TsHandover *handover, const TsHandoverEvent *event, TsActions *out);
/* TICK by then; TS_NEVER: not needed. */
gint64 ts_handover_wake_us (const TsHandover *handover);

TsHandoverStage ts_handover_stage (const TsHandover *handover);
/* Is there a handover, or a trace of one, that forbids this host to run the VM or to speak for it? */
gboolean ts_handover_forbids (const TsHandover *handover); /* NULL: no */
/* The other host; "" in stage NONE. */
const char *ts_handover_peer (const TsHandover *handover);
gboolean ts_handover_replicated (const TsHandover *handover);
TsRole ts_handover_role (const TsHandover *handover);
gboolean ts_handover_was_on (const TsHandover *handover);
/* Where it went from here; "": it has not, or has come back, or is on its way.  NULL: "". */
const char *ts_handover_went_to (const TsHandover *handover);
/* Which one: to tell what was carried in it from what was carried in another. */
guint64 ts_handover_number (const TsHandover *handover);
/* What that message is called, for who reads a journal; "?" when it is none. */
const char *ts_handover_message_name (GBytes *message);
/* Whose handover it is of, by the VM's name; NULL: it is no such message.  The caller's. */
char *ts_handover_message_vm (GBytes *message);
