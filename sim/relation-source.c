/* sim/relation-source.c -- what only a primary's side does: tracking, cuts, freezes. */
#include "core/relation/extend.h"
#include "sim/profile.h"
#include "sim/relation-internal.h"

static void
keep_image (TsSimRelation *rel, guint64 set, guint32 which)
{
  TsSimImage *image = g_new0 (TsSimImage, 1);
  image->set = set;
  image->instant_us = now_us (rel);
  image->which = which;
  image->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < rel->disks->len; i++)
    g_ptr_array_add (image->disks, ts_sim_disk_snapshot (g_ptr_array_index (rel->disks, i)));
  ts_sim_forget_images_from (rel->vm, set); /* of a cut that a crash has made nothing of */
  g_queue_push_tail (&rel->vm->images, image);
}

guint64
ts_sim_image_differing (const TsSimImage *image, const GPtrArray *disks, guint32 blank)
{
  guint64 bytes = 0;
  for (guint i = 0; i < disks->len; i++)
    if ((image->which & ~blank) >> i & 1)
      bytes += ts_sim_disk_differing_bytes (g_ptr_array_index (disks, i),
                                            g_ptr_array_index (image->disks, i));
  return bytes;
}

static void
cut_work (TsSimRelation *rel, TsSimWork *work)
{
  const TsProfile *profile = &world_of (rel)->topology->profile;
  g_autoptr (GError) error = NULL;
  TsSimRelation *replica = ts_sim_extended_replica (rel);
  work->instant_us = now_us (rel);
  guint32 time_s = (guint32)(work->instant_us / TS_S);
  if (replica) /* what past of the source its disks are */
    work->instant_us = ts_receiver_applied_us (replica->receiver);
  guint64 bytes = 0;
  ts_sim_spool_set_full (rel->spool, ts_sim_host_is_full (rel->host));
  if (!rel->vm->base && !rel->vm->source->on)
    ts_sim_watch_source (rel->vm->source);
  if (replica && !ts_receiver_whole (replica->receiver) && ts_sim_tracker_tracks (rel->tracker)) {
    work->ok = FALSE;
    work->code = TS_ERROR_AGAIN;
    work->reason = g_strdup (TS_EXTEND_NOT_WHOLE);
  } else if (replica && !ts_sim_watch_look (replica, work->disks, &error)) {
    work->ok = FALSE; /* what is read now is not what was applied */
    work->code = TS_ERROR_LOST;
    work->reason = g_strdup (error->message);
  } else if (rel->vm->source->edited) {
    work->ok = FALSE;
    work->code = TS_ERROR_LOST;
    work->reason = g_strdup (TS_SIM_EDITED);
  } else if (ts_sim_tracker_cut (rel->tracker, work->set, work->disks, time_s, rel->spool,
                                 work->logs, &error)) {
    keep_image (rel, work->set,
                work->set_kind == TS_SET_DISKS ? work->disks
                                               : work->disks & ~ts_sender_updating (rel->sender));
    bytes = ts_sim_spool_set_bytes (rel->spool, work->set);
  } else {
    work->ok = FALSE;
    work->code = (TsErrorCode)error->code;
    work->reason = g_strdup (error->message);
  }
  /* a log that was written all along: only what is in memory still is to be written */
  if (rel->vm->spec->tracking == TS_TRACKING_LOG)
    bytes = MIN (bytes, TS_SIM_LOG_BUFFER_BYTES);
  ts_sim_relation_post (rel, work, profile->cut_us + ts_profile_disk_us (profile, bytes));
}

static void
cut_later (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  TsSimWork *work = data;
  if (work->life == rel->host->life && rel->sender && !rel->removed) {
    TsSimWork *own = g_memdup2 (work, sizeof *work); /* the clock frees what it was given */
    own->payload = NULL;
    own->undo = NULL;
    own->reason = NULL;
    cut_work (rel, own);
  }
}

void
ts_sim_relation_cut (TsSimRelation *rel, const TsAction *action)
{
  const TsSimRelation *replica = ts_sim_extended_replica (rel);
  if (replica && replica->apply_free_us > now_us (rel)) /* between two applies, never within one */
    ts_sim_clock_at (world_of (rel)->clock, replica->apply_free_us, cut_later, rel,
                     ts_sim_work_of (rel, action), ts_sim_work_free);
  else
    cut_work (rel, ts_sim_work_of (rel, action));
}

void
ts_sim_relation_track (TsSimRelation *rel, const TsAction *action)
{
  TsSimMachine *source = rel->vm->source;
  TsSimWork *work = ts_sim_work_of (rel, action);
  const TsSimRelation *replica = ts_sim_extended_replica (rel);
  source->edited = FALSE;
  if (replica && !ts_receiver_whole (replica->receiver)) {
    work->ok = FALSE;
    work->code = TS_ERROR_AGAIN;
    work->reason = g_strdup (TS_EXTEND_NOT_WHOLE);
  } else if (source->defined || rel->vm->base) {
    if (!source->on)
      ts_sim_watch_off (source);
    ts_sim_tracker_start (rel->tracker);
  } else {
    work->ok = FALSE;
    work->code = TS_ERROR_STATE;
    work->reason = g_strdup ("the machine is not there");
  }
  ts_sim_relation_post (rel, work, profile_of (rel)->track_us);
}

void
ts_sim_relation_freeze (TsSimRelation *rel, const TsAction *action)
{
  gint64 takes_us = ts_sim_workload_freeze (rel->vm->source);
  if (takes_us == G_MAXINT64)
    return;
  TsSimWork *work = ts_sim_work_of (rel, action);
  if (takes_us < 0) {
    work->ok = FALSE;
    work->code = TS_ERROR_STATE;
    work->reason = g_strdup ("the guest could not freeze");
  }
  ts_sim_relation_post (rel, work, takes_us < 0 ? profile_of (rel)->probe_us : takes_us);
}
