/* core/base/guid.h -- 16-byte identifiers of VMs, disks and logs, in the byte order of the
 * published formats (MS-DTYP 2.3.4: the first three fields little-endian). */
#pragma once
#include <glib.h>
#include "core/base/random.h"

typedef struct {
  guint8 bytes[16];
} TsGuid;

#define TS_GUID_TEXT_SIZE 37 /* "01234567-89ab-cdef-0123-456789abcdef" and NUL */

/* A version 4 (random) GUID from the stream. */
TsGuid ts_guid_draw (TsRandom *random);
gboolean ts_guid_equal (const TsGuid *a, const TsGuid *b);
gboolean ts_guid_is_zero (const TsGuid *guid);
void ts_guid_format (const TsGuid *guid, char text[TS_GUID_TEXT_SIZE]);
gboolean ts_guid_parse (const char *text, TsGuid *guid, GError **error);
