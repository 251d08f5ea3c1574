/* core/relation/point.h -- recovery points of a replica: what they are, and how one is chosen.
 *
 * HVR reference 2.7.  The latest point is always there: it is what was received last.  Beside it up
 * to `recovery_points` (0 to 24) older ones are kept and reached through undo logs. */
#pragma once
#include <glib.h>

#define TS_POINTS_MAX 24 /* HVR reference 2.1 RecoveryHistory, 2.7 */

typedef enum {
  TS_POINT_STANDARD,   /* crash-consistent: as if the power had gone */
  TS_POINT_CONSISTENT, /* application-consistent: the guest had stopped writing and flushed */
  TS_POINT_PLANNED,    /* of a planned failover's last log */
} TsPointType;

typedef struct {
  guint64 set; /* the log set that, applied, is the point; its name: 1 or more */
  gint64 instant_us;
  TsPointType type;
} TsPoint;

/* Which one an operator wants.  Resolved when what was received has been applied. */
typedef struct {
  enum {
    TS_CHOOSE_LATEST,
    TS_CHOOSE_CONSISTENT, /* the newest application-consistent one */
    TS_CHOOSE_INDEX,      /* the number-th older one: 1 is the newest that is not the latest */
    TS_CHOOSE_AGE,        /* the newest that is at least so old (us) */
    TS_CHOOSE_SET,        /* the one of set `number`: by its name, from a list of them */
  } how;
  gint64 number;
} TsPointChoice;

/* "standard", "app-consistent", "planned": as in the journal. */
const char *ts_point_type_name (TsPointType type);
/* "latest", "latest-app-consistent", "2", "90s": as in a scenario.  Caller frees. */
char *ts_point_choice_text (const TsPointChoice *choice);
/* points: older ones first, all before latest.  NULL: there is no such point. */
const TsPoint *ts_point_choose (const TsPointChoice *choice, const TsPoint *points, guint count,
                                const TsPoint *latest, gint64 now_us);
