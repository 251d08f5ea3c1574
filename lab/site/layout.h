/* lab/site/layout.h -- where the things of a run lie: known to the runner and to its hosts.
 *
 *   RUN/HOST/                 config, host.log, VM.console
 *   RUN/HOST/disks/           VM.nvram, VM.test.nvram; VM.DISK.qcow2, what the VM runs on while it has its home here; on the
 *                             host on which it ran first its plain data too, VM.DISK.raw
 *   RUN/HOST/replica/         VM.DISK.raw, plain data on other hosts; while failed over
 *                             VM.DISK.overlay.qcow2; during a test failover VM.DISK.test.qcow2
 *   RUN/HOST/replica.NAME/    likewise: what an authorization entry with that storage location let in
 *   RUN/HOST/spool/VM/        log sets
 *   RUN/HOST/history/VM/      undo logs
 *   RUN/HOST/export/VM_GUID/  an initial replication that is exported (lab/host/medium.h)
 *   RUN/HOST/import/VM_GUID/  one that was carried here
 *   RUN/HOST/state/           what relations persist
 *   RUN/HOST/moving.VM/       what has come of a VM that moves to here (lab/host/move.h)
 *   SOCKETS/                  short: sockets have room for 107 bytes of path
 *
 * Names of hosts, VMs and disks are plain (ts_lab_name_is_plain).  Every result is the caller's. */
#pragma once
#include <glib.h>

typedef struct {
  const char *run, *sockets; /* absolute */
} TsLabLayout;

/* Letters, digits, '.', '_', '-', not first '.' or '-', at most 40: can be part of a file's name, a
 * machine's and a certificate's. */
gboolean ts_lab_name_is_plain (const char *name);

char *ts_lab_path_host (const TsLabLayout *layout, const char *host, const char *name);
char *ts_lab_path_disk (const TsLabLayout *layout, const char *host, const char *vm,
                        const char *disk);
char *ts_lab_path_data (const TsLabLayout *layout, const char *host, const char *vm,
                        const char *disk);
/* storage: the folder that the host keeps this replica in, "replica" or "replica.NAME". */
char *ts_lab_path_replica (const TsLabLayout *layout, const char *host, const char *storage,
                           const char *vm, const char *disk);
char *ts_lab_path_overlay (const TsLabLayout *layout, const char *host, const char *storage,
                           const char *vm, const char *disk);
char *ts_lab_path_test (const TsLabLayout *layout, const char *host, const char *storage,
                        const char *vm, const char *disk);
char *ts_lab_path_spool (const TsLabLayout *layout, const char *host, const char *vm);
char *ts_lab_path_history (const TsLabLayout *layout, const char *host, const char *vm);
char *ts_lab_path_state (const TsLabLayout *layout, const char *host, const char *vm,
                         const char *role);

char *ts_lab_path_nvram (const TsLabLayout *layout, const char *host, const char *vm,
                         gboolean test); /* a UEFI machine's variables */
/* Not a path: the device that is the cable of its network card (cable.h). */
char *ts_lab_name_cable (guint host, guint vm, gboolean test);

char *ts_lab_path_hypervisor (const TsLabLayout *layout, guint host); /* libvirt's root */
char *ts_lab_path_control (const TsLabLayout *layout, guint host);    /* runner and host talk */
char *ts_lab_path_channel (const TsLabLayout *layout, guint host, guint vm);
char *ts_lab_path_test_channel (const TsLabLayout *layout, guint host, guint vm);
char *ts_lab_path_undo (const TsLabLayout *layout, guint host, guint vm); /* and with ".pid" */
char *ts_lab_path_tracker (const TsLabLayout *layout, guint host, guint vm);

/* Removes a folder with all that is in it, following no link.  Fine when there is none. */
gboolean ts_lab_remove_tree (const char *path, GError **error);
