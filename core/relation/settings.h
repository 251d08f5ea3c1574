/* core/relation/settings.h -- what is set for a whole Hyper-V host, not for one relation.
 *
 * HVR reference 1.3 (Msvm_ReplicationServiceSettingData) and 2.13 (registry values), with their
 * ranges and defaults.  Each side goes by the settings of its own host. */
#pragma once
#include <glib.h>

#define TS_APPLY_DISKS_DEFAULT 4 /* what ApplyVHDLimit 0 means */

typedef struct {
  guint32 transfers_max;      /* MaximumActiveTransfers, 1 to 1024: VMs of this host whose logs are in
                                 transfer at once; incoming ones are not limited */
  guint32 apply_disks_max;    /* ApplyVHDLimit, 0 to 260: disks of a VM applied in parallel */
  guint32 apply_vms_max;      /* ApplyVMLimit: VMs of one primary server applied in parallel; 0: all */
  guint32 apply_queue_depth;  /* ApplyChangeReplicaDiskThrottle: writes of a VM's applies that are
                                 out at once; 0: as many as there are disks */
  gboolean skip_revocation;   /* DisableCertRevocationCheck */
  gboolean stop_suspends;     /* a graceful stop of a host in the middle of a transfer leaves
                                 replication suspended, as before WS2016's KB4088889 (2.6) */
  gint64 monitoring_us;       /* MonitoringInterval: 1, 2, 3, 4, 6, 8, 12 hours, 1 to 7 days */
  gint64 monitoring_from_us;  /* MonitoringStartTime: of the day; the grid goes through it */
  gint64 clock_us;            /* the time of day when now_us is 0 */
} TsHostSettings;

/* 3 transfers, 4 disks, all VMs, revocation checked, 12 h from 09:00, stop_suspends (CHOICE: the
 * reference is WS2012 R2 wherever the two differ; trap 13); the run begins at midnight */
void ts_host_settings_init (TsHostSettings *settings);
/* TS_ERROR_ARGUMENT; the message names the value and the range. */
gboolean ts_host_settings_check (const TsHostSettings *settings, GError **error);

/* How many disks of a VM are applied at once.  CHOICE: a disk's apply has one write out at a time,
 * so the queue depth bounds the disks too. */
guint ts_host_settings_apply_lanes (const TsHostSettings *settings, guint disks);

/* The first end of a monitoring interval behind now_us (5.1).  The day passes as schedule.h says.
 * CHOICE: intervals of several days are counted from the run's first day. */
gint64 ts_host_settings_monitor_us (const TsHostSettings *settings, guint32 time_scale,
                                    gint64 now_us);

/* As one tuple "(uuuubbxxx)", to be kept or sent, and back.  FALSE: it is none. */
#define TS_HOST_SETTINGS_TYPE "(uuuubbxxx)"
GVariant *ts_host_settings_pack (const TsHostSettings *settings);
gboolean ts_host_settings_unpack (GVariant *packed, TsHostSettings *settings, GError **error);
