/* sim/profile.h -- what the simulator charges for what it does, beside the topology's profile
 * (core/seam/profile.h), which a calibration replaces. */
#pragma once
#include "core/base/units.h"

/* The defaults, for what does not ask the topology's profile yet. */
#define TS_SIM_BOOT_US (3200 * TS_MS)
#define TS_SIM_SHUTDOWN_US (600 * TS_MS)
#define TS_SIM_DEFINE_US (300 * TS_MS)
#define TS_SIM_PROBE_US (2 * TS_MS)
#define TS_SIM_WRITE_US (400 * TS_US)
#define TS_SIM_FLUSH_US (3 * TS_MS)
#define TS_SIM_TRACK_US (150 * TS_MS)
#define TS_SIM_CUT_US (150 * TS_MS)
#define TS_SIM_STORE_US (50 * TS_US)
#define TS_SIM_SYNC_US (10 * TS_MS)
#define TS_SIM_APPLY_US (10 * TS_MS)
#define TS_SIM_BRANCH_US (60 * TS_MS)
#define TS_SIM_MERGE_US (300 * TS_MS)
#define TS_SIM_DISK_BYTES_PER_S (400 * TS_MIB)
#define TS_SIM_SURVEY_BYTES_PER_S (150 * TS_MIB)

static inline gint64
ts_sim_disk_us (guint64 bytes)
{
  return (gint64)(bytes / (TS_SIM_DISK_BYTES_PER_S / TS_S));
}

/* What crosses the wire when it is compressed (zstd level 3, pieces of 128 KiB), measured with the
 * frames' own codec on what guests write here (format/stamp.h: half of it compresses); tests/
 * test-sim-log.c holds the model to 2 % of the codec.  Both modes of the disks charge this. */
#define TS_SIM_WIRE_DATA_PPM 484400     /* records and fill, of their bytes */
#define TS_SIM_WIRE_FIXED_BYTES 40      /* of each piece */
#define TS_SIM_WIRE_LOG_HEAD_BYTES 90   /* a log's header and first block */
#define TS_SIM_WIRE_LOG_ENTRY_BYTES 15  /* a log's entry */

static inline guint64
ts_sim_wire_data_bytes (guint64 bytes)
{
  return bytes / 1000000 * TS_SIM_WIRE_DATA_PPM + bytes % 1000000 * TS_SIM_WIRE_DATA_PPM / 1000000;
}
