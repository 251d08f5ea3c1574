/* sim/relation-internal.h -- what the files relation*.c share: an action under way, and who
 * performs it.  Twin of the same division in lab/host. */
#pragma once
#include "core/base/error.h"
#include "sim/internal.h"

static inline TsWorld *
world_of (const TsSimRelation *rel)
{
  return rel->host->world;
}

static inline const TsProfile *
profile_of (const TsSimRelation *rel)
{
  return &world_of (rel)->topology->profile;
}

static inline gint64
now_us (const TsSimRelation *rel)
{
  return ts_sim_now_us (world_of (rel));
}

typedef struct { /* an action under way */
  guint64 life;  /* of the host */
  TsActionKind kind;
  guint64 set;
  guint disk;
  guint32 disks, held;
  TsSetKind set_kind;
  guint64 offset_bytes;
  guint32 len_bytes;
  GBytes *payload;
  TsUndo *undo;
  gint64 instant_us;
  TsCutLog logs[TS_WIRE_DISKS_MAX];
  gboolean ok, track, adopt, aside;
  TsErrorCode code; /* when not ok */
  char *reason;
} TsSimWork;

/* --- relation.c ------------------------------------------------------------------------------- */
/* The clock frees what it was given. */
void ts_sim_work_free (gpointer data);
/* With all that the action says; ok. */
TsSimWork *ts_sim_work_of (TsSimRelation *relation, const TsAction *action);
/* Completes so long after now; takes the work. */
void ts_sim_relation_post (TsSimRelation *relation, TsSimWork *work, gint64 after_us);
/* On a serial worker, behind what it is busy with until *free_us; takes the work. */
void ts_sim_relation_post_serial (TsSimRelation *relation, TsSimWork *work, gint64 *free_us,
                                  gint64 takes_us);
/* A call of the clock: (relation, work). */
void ts_sim_relation_complete (gpointer user, gpointer data);

/* --- relation-replica.c ----------------------------------------------------------------------- */
void ts_sim_relation_create_disks (TsSimRelation *relation, guint32 disks);
/* Whole, at this instant; _apply takes the time for it. */
gboolean ts_sim_relation_apply_set (TsSimRelation *relation, const TsSimWork *work, GError **error);
void ts_sim_relation_apply (TsSimRelation *relation, const TsAction *action);
void ts_sim_relation_start_copy (TsSimRelation *relation, gboolean track);
void ts_sim_relation_discard_copy (TsSimRelation *rel);
void ts_sim_relation_merge (TsSimRelation *rel);

/* --- relation-link.c -------------------------------------------------------------------------- */
void ts_sim_relation_held_free (gpointer data);
void ts_sim_relation_forget_conn (TsSimRelation *rel);
void ts_sim_relation_hang_up (TsSimRelation *rel);
void ts_sim_relation_connect_peer (TsSimRelation *rel);
/* When so many bytes of the source disks will have been read, behind what is being read. */
gint64 ts_sim_relation_read_until_us (TsSimRelation *relation, guint64 bytes);
void ts_sim_relation_send_frame (TsSimRelation *relation, TsAction *action);

/* --- relation-source.c ------------------------------------------------------------------------ */
void ts_sim_relation_cut (TsSimRelation *relation, const TsAction *action);
void ts_sim_relation_track (TsSimRelation *relation, const TsAction *action);
void ts_sim_relation_freeze (TsSimRelation *relation, const TsAction *action);
