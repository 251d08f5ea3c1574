/* core/relation/receiver-history.c -- the recovery points that are kept, and the way back to them.
 *
 * HVR reference 2.7: the replica's disks are of the newest point; each kept point has an undo log
 * per disk (format/hru.h) with what was overwritten from it to the next one.  So dropping the
 * oldest point is deleting its logs, and going back is playing logs from the newest on. */
#include "core/relation/receiver-internal.h"
#include "core/relation/policy.h"

static TsPointType
type_of (const TsManifest *manifest)
{
  return manifest->kind == TS_SET_PLANNED      ? TS_POINT_PLANNED
         : manifest->kind == TS_SET_CONSISTENT ? TS_POINT_CONSISTENT
                                               : TS_POINT_STANDARD;
}

static TsPoint
latest (const TsReceiver *r)
{
  return (TsPoint){r->point_set, r->point_us, r->point_type};
}

/* Kept points that are older than the latest. */
static guint
older (const TsReceiver *r)
{
  return r->kept_count > 0 && r->kept[r->kept_count - 1].set == r->point_set ? r->kept_count - 1
                                                                             : r->kept_count;
}

static void
drop_oldest (TsReceiver *r, guint count)
{
  r->kept_count -= count;
  memmove (r->kept, r->kept + count, r->kept_count * sizeof r->kept[0]);
}

void
ts_receiver_history_take (TsReceiver *r, const TsReceiverSet *set)
{
  r->point_us = set->manifest.instant_us;
  r->point_set = set->number;
  r->history_dropped = 0;
  r->history_kept = FALSE;
  r->point_type = type_of (&set->manifest);
  r->history_told = FALSE;
  if (r->hello.recovery_points == 0)
    return;
  /* CHOICE (section 9, 4): hours are counted on the source's clock, the first cycle closed in each
   * is its point; an application-consistent one is kept whenever it comes. */
  gint64 hour_us = ts_policy_hour_us (r->hello.time_scale);
  const TsPoint *last = r->kept_count > 0 ? &r->kept[r->kept_count - 1] : NULL;
  r->history_kept = !last || r->point_type == TS_POINT_CONSISTENT ||
                    r->point_us / hour_us > last->instant_us / hour_us;
  if (r->history_kept)
    r->kept[r->kept_count++] = latest (r);
  while (older (r) > r->hello.recovery_points) {
    drop_oldest (r, 1);
    r->history_dropped++;
  }
}

static TsUndo *
kept_points (const TsReceiver *r)
{
  TsUndo *undo = g_new0 (TsUndo, 1);
  undo->count = r->kept_count;
  memcpy (undo->point, r->kept, r->kept_count * sizeof r->kept[0]);
  return undo;
}

/* What is listed now; `why` of what is gone. */
static void
report (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  g_autoptr (GString) list = g_string_new (NULL);
  for (guint i = 0; i < r->kept_count; i++)
    g_string_append_printf (list, "%s%" G_GUINT64_FORMAT ":%s", i > 0 ? " " : "", r->kept[i].set,
                            ts_point_type_name (r->kept[i].type));
  TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "history"), "kept", r->kept_count);
  ts_record_int (rec, "older", older (r));
  r->history_older = older (r);
  if (r->kept_count > 0)
    ts_record_int (rec, "oldest_us", r->kept[0].instant_us);
  ts_record_text (rec, "points", list->str);
  ts_actions_report (out, ts_record_text (rec, "why", why));
}

void
ts_receiver_history_tell (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->hello.recovery_points == 0 || r->history_told)
    return;
  r->history_told = TRUE;
  if (r->history_dropped > 0)
    ts_actions_add (out, TS_ACTION_KEEP)->undo = kept_points (r);
  if (r->history_dropped > 0 || r->history_kept || older (r) != r->history_older)
    report (r, now_us,
            r->history_kept          ? "kept"
            : r->history_dropped > 0 ? "more than the policy keeps"
                                     : "a newer point is the latest",
            out);
}

void
ts_receiver_history_restored (TsReceiver *r, TsActions *out)
{
  if (r->hello.recovery_points > 0) /* of points that were dropped just before the end */
    ts_actions_add (out, TS_ACTION_KEEP)->undo = kept_points (r);
}

TsUndo *
ts_receiver_history_open (const TsReceiver *r, guint64 set)
{
  for (guint i = r->kept_count; i > 0; i--)
    if (r->kept[i - 1].set < set) {
      TsUndo *undo = g_new0 (TsUndo, 1);
      undo->count = 1;
      undo->point[0] = r->kept[i - 1];
      undo->until = set;
      undo->disks = ts_hello_disks (&r->hello); /* of one that is being included there is no older past */
      return undo;
    }
  return NULL;
}

gboolean
ts_receiver_history_choose (const TsReceiver *r, const TsPointChoice *choice, gint64 now_us,
                            TsPoint *point)
{
  TsPoint newest = latest (r);
  const TsPoint *chosen = ts_point_choose (choice, r->kept, older (r), &newest, now_us);
  if (chosen)
    *point = *chosen;
  return chosen != NULL;
}

gboolean
ts_receiver_history_has (const TsReceiver *r, guint64 set)
{
  for (guint i = 0; i < r->kept_count; i++)
    if (r->kept[i].set == set)
      return TRUE;
  return set == r->point_set;
}

TsUndo *
ts_receiver_history_way (const TsReceiver *r, guint64 set)
{
  if (set >= r->applied)
    return NULL;
  TsUndo *undo = g_new0 (TsUndo, 1);
  undo->until = r->applied;
  for (guint i = r->kept_count; i > 0; i--)
    if (r->kept[i - 1].set >= set && r->kept[i - 1].set < r->applied)
      undo->point[undo->count++] = r->kept[i - 1];
  return undo;
}

void
ts_receiver_forget_points (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  if (r->kept_count == 0)
    return;
  r->kept_count = 0;
  ts_receiver_persist (r, out);
  ts_actions_add (out, TS_ACTION_KEEP)->undo = kept_points (r);
  report (r, now_us, why, out);
}

void
ts_receiver_history_broken (TsReceiver *r, gint64 now_us, guint64 set, TsActions *out)
{
  guint count = 0;
  while (count < r->kept_count && r->kept[count].set < set)
    count++;
  drop_oldest (r, count);
  ts_receiver_persist (r, out);
  ts_actions_add (out, TS_ACTION_KEEP)->undo = kept_points (r);
  report (r, now_us, "an undo log is damaged", out);
}
