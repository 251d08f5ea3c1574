/* sim/profile.h -- what the simulator charges for what it does, beside the topology's profile
 * (core/seam/profile.h), which a calibration replaces. */
#pragma once
#include "core/base/units.h"

/* What crosses the wire when it is compressed (zstd level 3, pieces of 128 KiB), measured with the
 * frames' own codec on what guests write here (format/stamp.h: half of it compresses); tests/
 * test-sim-log.c holds the model to 2 % of the codec.  Both modes of the disks charge this. */
#define TS_SIM_WIRE_DATA_PPM 484400     /* records and fill, of their bytes */
#define TS_SIM_WIRE_FIXED_BYTES 40      /* of each piece */
#define TS_SIM_WIRE_LOG_HEAD_BYTES 90   /* a log's header and first block */
#define TS_SIM_WIRE_LOG_ENTRY_BYTES 15  /* a log's entry */

#define TS_SIM_REBOOT_US (30 * TS_S) /* CHOICE: a host that is shut down until it works again */

/* HVR 2.4: what of a log waits in memory to be written to it (CHOICE: the limit is not published). */
#define TS_SIM_LOG_BUFFER_BYTES (4 * TS_MIB)

static inline guint64
ts_sim_wire_data_bytes (guint64 bytes)
{
  return bytes / 1000000 * TS_SIM_WIRE_DATA_PPM + bytes % 1000000 * TS_SIM_WIRE_DATA_PPM / 1000000;
}
