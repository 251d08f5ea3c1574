/* core/seam/profile.h -- how long a machine of the lab takes for what it does: what the simulator
 * charges.
 *
 * The defaults were measured in the lab, on small emulated guests, and rounded; `twinsite lab
 * calibrate` measures them on the machine it runs on.  Part of a topology, so that a stored
 * scenario says what it was run with. */
#pragma once
#include <glib.h>
#include "core/base/units.h"

/* Times are above 0, and bytes a second at least TS_MIB: below, a microsecond moves no byte.  What is
 * of a link, and a host's reading, may be 0: nothing is charged beside what the link's shape, or the
 * disk, says. */
typedef struct {
  gint64 boot_us;            /* power on to the agent's first word */
  gint64 shutdown_us;        /* asked to off */
  gint64 define_us;          /* defining and starting a machine */
  gint64 probe_us;           /* question to answer, of a running guest */
  gint64 write_us;           /* one guest write */
  gint64 flush_us;           /* one guest flush */
  gint64 track_us;           /* the first checkpoint */
  gint64 cut_us;             /* a cut, beside reading its data */
  gint64 store_us;           /* one piece of a log, to the page cache */
  gint64 sync_us;            /* making a set durable */
  gint64 apply_us;           /* a set, beside its data */
  gint64 branch_us;          /* overlays on a replica's disks */
  gint64 merge_us;           /* overlays into the disks, beside their data */
  gint64 disk_bytes_per_s;   /* reading and writing in bulk */
  gint64 survey_bytes_per_s; /* a guest reading its disks back */
  gint64 read_bytes_per_s;   /* a host reading disks for initial copies and comparisons, all its
                                machines together; 0: a comparison as disk_bytes_per_s, a copy none */
  gint64 handshake_us;       /* processor time of two hosts that prove who they are; may be 0 */
  gint64 link_bytes_per_s;   /* what two hosts get through the quickest link; 0: no limit */
} TsProfile;

typedef struct {
  const char *name; /* "boot": as the scenario's `sim` writes it */
  gsize offset;     /* of its gint64 in TsProfile */
  gboolean is_rate; /* bytes a second; else a duration */
  gint64 fallback;
} TsProfileRow;

const TsProfileRow *ts_profile_get (guint index); /* NULL past the end */
const TsProfileRow *ts_profile_find (const char *name);
gint64 *ts_profile_value (TsProfile *profile, const TsProfileRow *row);
void ts_profile_init (TsProfile *profile); /* all defaults */

/* For a host to read so many bytes for a copy or a comparison; read_bytes_per_s is not 0. */
gint64 ts_profile_read_us (const TsProfile *profile, guint64 bytes);
/* For reading or writing so many bytes in bulk. */
gint64 ts_profile_disk_us (const TsProfile *profile, guint64 bytes);
gint64 ts_profile_survey_us (const TsProfile *profile, guint64 bytes);
