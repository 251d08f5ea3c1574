/* lab/host/managed.h -- the agent by which a host is managed by a VMM server (core/site/message.h): it says
 * how every virtual machine stands here, and does what it is asked.
 *
 * It connects to its site's server over TLS, for ever anew; a host without one lives as it does.  What it
 * tells is levels, not news, so nothing is lost when either side is killed. */
#pragma once
#include <glib.h>
#include "core/base/record.h"

typedef struct _TsLabHost TsLabHost;
typedef struct _TsLabManaged TsLabManaged;

/* Who manages a host, and what it has: FOLDER/managed, written by the runner.  No file: nobody. */
typedef struct {
  char *vmm;       /* the server's name in its certificate */
  guint16 port;    /* on loopback of the site */
  gint64 clock_off_us; /* how wrong the host's wall clock is */
  guint64 memory_bytes, storage_bytes; /* for machines */
  GPtrArray *networks, *classifications; /* char *: what it can connect to, and lay disks on */
  GPtrArray *vms;  /* TsLabManagedVm: of the whole scenario */
} TsLabManagedConfig;

typedef struct {
  char *name, *network, *classification; /* at home; "": none */
} TsLabManagedVm;

TsLabManagedConfig *ts_lab_managed_config_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_managed_config_free (TsLabManagedConfig *config); /* NULL is fine */
void ts_lab_managed_config_add_vm (TsLabManagedConfig *config, const char *name, const char *network,
                                   const char *classification);
gboolean ts_lab_managed_config_save (const TsLabManagedConfig *config, const char *path, GError **error);
/* NULL without error: there is none. */
TsLabManagedConfig *ts_lab_managed_config_load (const char *path, GError **error);

/* Takes config; NULL: nobody manages the host, and NULL it is. */
TsLabManaged *ts_lab_managed_new (TsLabHost *host, TsLabManagedConfig *config);
void ts_lab_managed_free (TsLabManaged *managed); /* NULL is fine */
/* Everything that the host reports passes here: levels may have changed. */
void ts_lab_managed_hear (TsLabManaged *managed, const TsRecord *record);
