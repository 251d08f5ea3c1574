/* lab/machine/measure.h -- this machine's disk, measured as a host uses it: for a simulator profile. */
#pragma once
#include <glib.h>

typedef struct {
  gint64
      bytes_per_s; /* 1 MiB pieces written and made durable, the slower of that and reading back */
  gint64 store_us; /* 128 KiB into the page cache, median */
  gint64 sync_us;  /* making 1 MiB durable, median */
} TsLabDiskSpeed;

/* Writes 256 MiB into a file of folder and removes it.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_lab_measure_disk (const char *folder, TsLabDiskSpeed *speed, GError **error);
