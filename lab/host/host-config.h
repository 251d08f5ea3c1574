/* lab/host/host-config.h -- what a host process is told when it starts: one file in its folder.
 *
 * Written by the runner, read by the host; a GVariant, since both are this program. */
#pragma once
#include "core/base/guid.h"
#include "core/relation/settings.h"
#include "core/relation/wire.h"
#include "core/site/authorization.h"
#include "lab/clock.h"
#include "lab/site/layout.h"
#include "lab/machine/machine.h"

typedef struct {        /* another host that may replicate to this one, and to which it may */
  char *name, *address; /* address "": there is no link to its site */
  guint16 port, kerberos_port;
  gboolean same_cloud; /* a VM may come from it, and go to it (move.h) */
} TsLabPeer;

typedef struct {
  char *name, *home; /* home: the host on which it runs first */
  char *extends; /* another VM, of whose replica at home it is the extended relation; "": of none */
  TsGuid id;
  guint64 memory_bytes;
  /* the user's own (TsImageSpec); image "": it runs our guest */
  char *image, *kernel, *initrd, *cmdline, *copy_cmdline;
  gboolean uefi, agent;
  gboolean nic, nic_e1000, nic_copy_connected, nic_test_isolated; /* TsNicSpec */
  guint disks;
  struct {
    char *name;
    guint64 size_bytes, fill_bytes;
    gboolean replicated; /* when the VM is protected */
    gboolean attached;   /* from the start */
  } disk[TS_WIRE_DISKS_MAX];
} TsLabVmConfig;

typedef struct {
  char *name;
  guint index;
  char *run, *sockets; /* of the layout */
  char *control;       /* socket to the runner (layout); not below sockets when libvirt is there */
  char *libvirt;       /* URI of another libvirtd, "": our own driver; prefix: of its machines */
  char *prefix;
  char *cache;         /* for what QEMU can do */
  char *certificates;  /* folder: ca.pem, NAME.pem, NAME.key */
  char *realm;         /* folder (realm.h); "": there is no Kerberos in this run */
  char *kernel, *initrd;
  gint64 origin_us;
  guint64 seed;
  TsLabAccel accel;
  guint16 port; /* to listen on */
  guint16 kerberos_port;
  TsHostSettings settings;
  guint64 log_store_bytes; /* of a file system of its own for logs; 0: there is none */
  GPtrArray *peers; /* TsLabPeer */
  TsAuthorization
      *authorization; /* who may replicate to this host; new makes one without entries */
  GPtrArray *vms;     /* TsLabVmConfig, as in the topology */
} TsLabHostConfig;

TsLabHostConfig *ts_lab_host_config_new (void);
void ts_lab_host_config_free (TsLabHostConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabHostConfig, ts_lab_host_config_free)

TsLabPeer *ts_lab_host_config_add_peer (TsLabHostConfig *config, const char *name,
                                        const char *address, guint16 port, guint16 kerberos_port);
TsLabVmConfig *ts_lab_host_config_add_vm (TsLabHostConfig *config, const char *name,
                                          const char *home);
/* It is attached and replicated, unless that is taken back. */
void ts_lab_vm_config_add_disk (TsLabVmConfig *vm, const char *name, guint64 size_bytes,
                                guint64 fill_bytes);
const TsLabPeer *ts_lab_host_config_peer (const TsLabHostConfig *config, const char *name);
TsLabLayout ts_lab_host_config_layout (const TsLabHostConfig *config);

gboolean ts_lab_host_config_save (const TsLabHostConfig *config, const char *path, GError **error);
TsLabHostConfig *ts_lab_host_config_load (const char *path, GError **error);
