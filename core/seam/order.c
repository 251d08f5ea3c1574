#include "core/seam/order.h"

static const char *const verb_names[TS_DO_COUNT] = {
    [TS_DO_PROTECT] = "protect",
    [TS_DO_START_INITIAL] = "start_initial",
    [TS_DO_CANCEL_INITIAL] = "cancel_initial",
    [TS_DO_IMPORT] = "import",
    [TS_DO_FAILOVER] = "failover",
    [TS_DO_COMMIT] = "commit",
    [TS_DO_TEST_FAILOVER] = "test_failover",
    [TS_DO_STOP_TEST_FAILOVER] = "stop_test_failover",
    [TS_DO_CANCEL_FAILOVER] = "cancel_failover",
    [TS_DO_REVERSE] = "reverse",
    [TS_DO_CHANGE_POINT] = "change_point",
    [TS_DO_PAUSE] = "pause",
    [TS_DO_RESUME] = "resume",
    [TS_DO_RESYNC] = "resync",
    [TS_DO_CANCEL_RESYNC] = "cancel_resync",
    [TS_DO_REMOVE] = "remove",
    [TS_DO_POWER_ON] = "power_on",
    [TS_DO_POWER_OFF] = "power_off",
    [TS_DO_MOVE] = "move",
    [TS_DO_CONTINUE] = "continue",
    [TS_DO_RESIZE_DISK] = "resize_disk",
    [TS_DO_REPLICATE_DISKS] = "replicate_disks",
    [TS_DO_ATTACH_DISK] = "attach_disk",
    [TS_DO_RESET_STATISTICS] = "reset_statistics",
    [TS_DO_BACKUP] = "backup",
    [TS_DO_END_BACKUP] = "end_backup",
    [TS_DO_WORKLOAD_START] = "workload_start",
    [TS_DO_WORKLOAD_STOP] = "workload_stop",
    [TS_DO_COMPARE] = "compare",
    [TS_DO_LINK] = "link",
    [TS_DO_EDIT_DISK] = "edit_disk",
    [TS_DO_KEEP_DISKS] = "keep_disks",
    [TS_DO_RESTORE_DISKS] = "restore_disks",
    [TS_DO_CORRUPT_LOG] = "corrupt_log",
    [TS_DO_DISK_FULL] = "disk_full",
    [TS_DO_DISK_FREE] = "disk_free",
    [TS_DO_HOST_CRASH] = "host_crash",
    [TS_DO_HOST_UP] = "host_up",
    [TS_DO_HOST_REBOOT] = "host_reboot",
    [TS_DO_SITE_DOWN] = "site_down",
    [TS_DO_SITE_UP] = "site_up",
    [TS_DO_CONFIRM] = "confirm",
    [TS_DO_VAULT_DOWN] = "vault_down",
    [TS_DO_VAULT_UP] = "vault_up",
    [TS_DO_VMM_DOWN] = "vmm_down",
    [TS_DO_VMM_UP] = "vmm_up",
};

static const char *const link_mode_names[TS_LINK_MODES] = {
    [TS_LINK_UP] = "up",
    [TS_LINK_BLACKHOLE] = "blackhole",
    [TS_LINK_RESET] = "reset",
};

const char *
ts_verb_name (TsVerb verb)
{
  return (guint)verb < G_N_ELEMENTS (verb_names) ? verb_names[verb] : NULL;
}

const char *
ts_link_mode_name (TsLinkMode mode)
{
  return (guint)mode < G_N_ELEMENTS (link_mode_names) ? link_mode_names[mode] : NULL;
}
