/* lab/host/move-internal.h -- a move, for its own files: move.c (the connection, what the core asks
 * for), move-give.c (the host that has it), move-take.c (the host that gets it).
 *
 * Files are read and written on a worker, one job after the other; all else is the main loop's. */
#pragma once
#include "lab/host/move.h"

enum { TS_LAB_MOVE_HANDOVER = 0, TS_LAB_MOVE_CARGO = 1 }; /* the set of a MESSAGE frame */

struct _TsLabMove {
  TsLabHost *host;
  TsLabVm *vm;
  TsHandover *core;
  TsLabTimer *timer, *pump;
  TsLabLink *link;
  guint line; /* counts connections: what was begun for an earlier one is void */
  TsLabWorker *worker;
  gboolean holding; /* the guest is being shut down for it */
  gboolean held;    /* it was */
  gboolean going;   /* what was here is being deleted */
  GPtrArray *later; /* GBytes: messages that came meanwhile, perhaps it comes back: heard then */
  /* giver's: what is being read, and how far */
  TsLabCargo *out;
  gboolean waiting; /* until less waits to be sent */
  guint out_file;
  guint64 out_at_bytes;
  /* taker's */
  TsLabCargo *in;
  gboolean in_whole;
  guint64 in_bytes; /* that have come and are not written: too many, and the link is held */
  GError *in_error; /* only the worker */
};

typedef struct {
  TsLabMove *move;
  guint line;
  TsActionKind action;
  TsLabCargo *cargo; /* taken along: the move's, or */
  TsLabCargo *owned; /* goes with the job; NULL: none */
  guint file;        /* of a piece that has come, or was read; with where it belongs */
  guint64 at_bytes;
  GBytes *bytes;
  GPtrArray *pieces;               /* of a load: move-give.c's */
  gboolean start, resumed, placed; /* of a take */
  GError *error;
} TsLabMoveJob;

gint64 ts_lab_move_now_us (const TsLabMove *move);
const char *ts_lab_move_name (const TsLabMove *move); /* the VM's */
TsLabWorker *ts_lab_move_worker (TsLabMove *move);
/* Tells the core that an action has ended; NULL: well. */
void ts_lab_move_done (TsLabMove *move, TsActionKind action, const GError *error);

/* For a worker; _job_done tells the core, _job_complain whoever reads the host's output. */
TsLabMoveJob *ts_lab_move_job (TsLabMove *move, TsActionKind action);
void ts_lab_move_job_done (gpointer job);
void ts_lab_move_job_complain (gpointer job);
void ts_lab_move_job_drop (gpointer job);
/* Jobs before it may still use it: it goes behind them.  Takes cargo. */
void ts_lab_move_free_later (TsLabMove *move, TsLabCargo *cargo);

/* Hangs up, and tells the core. */
void ts_lab_move_lost (TsLabMove *move, const char *reason);
void ts_lab_move_say (TsLabMove *move, guint64 set,
                      GBytes *message);                   /* to nobody, when there is no peer */
void ts_lab_move_hear (TsLabMove *move, GBytes *message); /* from the peer: the core's */

/* --- move-give.c: actions of the host that has it ----------------------------------------------
 */
void ts_lab_give_hold (TsLabMove *move);
void ts_lab_give_carry (TsLabMove *move);
void ts_lab_give_pump (gpointer move);     /* reads on, once less waits to be sent */
gboolean ts_lab_give_stay (gpointer move); /* a GSourceFunc: runs once */
void ts_lab_give_leave (TsLabMove *move);

/* --- move-take.c: of the host that gets it ------------------------------------------------------
 */
char *ts_lab_take_why_no_room (const TsLabMove *move); /* NULL: there is; the caller's */
void ts_lab_take_list (TsLabMove *move, GBytes *list);
void ts_lab_take_piece (TsLabMove *move, TsFrame *frame); /* takes its payload */
void ts_lab_take_settle (TsLabMove *move);
void ts_lab_take (TsLabMove *move);
void ts_lab_take_forget (TsLabMove *move); /* what has come */
/* Removes what lies there of one that comes, on that worker. */
void ts_lab_take_scrap (TsLabMove *move, TsLabWorker *worker);
