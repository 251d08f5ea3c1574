/* sim/parcel.h -- payloads that travel without their bytes.
 *
 * The core passes payloads on and asks for their length, never for what is in them; so one may be a
 * GBytes of the right length that points to something else: the words of a piece of a disk, a piece
 * of a log, or a whole frame with what it would take on the wire.  Whoever may be given one asks
 * here first; reading its bytes would read past the end.  Real bytes never look like one: a parcel
 * begins with 16 bytes that nobody else writes, and is at least that long. */
#pragma once
#include "core/format/frame.h"
#include "sim/disk.h"
#include "sim/log.h"

gboolean ts_sim_parcel_is (GBytes *bytes);

/* A piece of a disk, as it is now.  NULL: it does not begin and end between pages. */
GBytes *ts_sim_parcel_pages (const TsSimDisk *disk, guint64 offset_bytes, guint64 len_bytes);
/* Writes what a payload holds, parcel or bytes, onto a disk. */
gboolean ts_sim_parcel_write (TsSimDisk *disk, guint64 offset_bytes, GBytes *payload,
                              GError **error);

/* A piece of a log, at least 16 bytes long. */
GBytes *ts_sim_parcel_log (TsSimLog *log, guint64 offset_bytes, guint64 len_bytes);
/* The log (borrowed) and where the piece begins; NULL: not a piece of a log. */
TsSimLog *ts_sim_parcel_open_log (GBytes *payload, guint64 *offset_bytes);

/* A frame, its payload referenced; wire_bytes: header included. */
GBytes *ts_sim_parcel_frame (const TsFrame *frame, guint64 wire_bytes);
/* Fills frame, of which the payload is the caller's.  FALSE: not a frame, but real bytes. */
gboolean ts_sim_parcel_open_frame (GBytes *message, TsFrame *frame);
