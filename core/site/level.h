/* core/site/level.h -- how one VM stands on one host: what is, not what has happened.
 *
 * Who has missed a report, since it was down or the line was, finds out by the next one what has
 * become of what it had ordered; so a restarted vault, VMM server or host loses nothing. */
#pragma once
#include "core/relation/health.h"
#include "core/relation/point.h"
#include "core/site/fields.h"

typedef enum { TS_LEVEL_NONE, TS_LEVEL_PRIMARY, TS_LEVEL_REPLICA } TsLevelRole;

typedef struct {
  char *vm;       /* its name */
  char *id;       /* the same on both sides (HVR 1.1): text of a GUID */
  char *host;     /* where it is */
  TsLevelRole role; /* of its relation there; NONE: it is not replicated */
  TsState state;  /* of that; DISABLED without one */
  TsHealth health;
  char *reason;   /* why it is not normal; "" */
  gboolean exists;  /* there is a machine that could run here (always but of a bare replica) */
  gboolean on, serving; /* the machine that is the VM, here; serving: its guest answers */
  gboolean test, test_serving; /* there is a test machine */
  char *peer;     /* host at the other end of the relation; "" */
  gint64 point_us;   /* replica: the newest point's instant; primary: the last acknowledged one; host's clock; -1 */
  gint64 pending_bytes; /* primary: tracked, not acknowledged */
  gboolean exported; /* its first copy is whole on a medium, and waits to be imported */
  gint64 percent; /* of an initial replication or a resynchronization that runs; -1: none */
  guint64 copy_set; /* the point on which a failed-over copy stands; 0: none */
  guint64 memory_bytes, disk_bytes;
  char *network, *classification; /* to which it is connected, on which it lies; "" */
  char *address;      /* static, on network; "" by DHCP, or none */
  char *test_network; /* to which the test machine is connected; "" */
  char **disks;       /* their names; NULL: not told */
  guint32 replicated; /* primary: which of them are, bit 1 << disk */
  GArray *points; /* TsPoint, oldest first, the last is the latest; replica's */
} TsLevel;

TsLevel *ts_level_new (const char *vm, const char *id, const char *host) G_GNUC_WARN_UNUSED_RESULT;
TsLevel *ts_level_copy (const TsLevel *level) G_GNUC_WARN_UNUSED_RESULT;
void ts_level_free (TsLevel *level); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLevel, ts_level_free)

GVariant *ts_level_variant (const TsLevel *level) G_GNUC_WARN_UNUSED_RESULT; /* floating a{sv} */
/* NULL with TS_ERROR_FORMAT. */
TsLevel *ts_level_parse (GVariant *fields, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Is it the same but for what changes all the time (points, point_us, pending_bytes, percent)? */
gboolean ts_level_same_state (const TsLevel *a, const TsLevel *b);
const char *ts_level_role_name (TsLevelRole role);
