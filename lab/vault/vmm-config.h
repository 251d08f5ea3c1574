/* lab/vault/vmm-config.h -- what a VMM server's process is told when it starts: one file in its folder,
 * written by the runner. */
#pragma once
#include <glib.h>
#include "core/site/vmm.h"

typedef struct {
  char *name, *server; /* friendly name; who it is, for ever */
  char *key;           /* a registration key; "": none yet */
  char *vault, *vault_address; /* the vault's name in its certificate; where it is (lab/link/address.h) */
  guint16 vault_port;
  char *certificates;  /* folder: ca.pem, SERVER.pem, SERVER.key */
  char *control;       /* the runner's socket */
  char *library;       /* folder of the scripts that plans may run; "": there are none */
  guint16 port;        /* where its hosts' agents connect, on loopback of its site */
  guint32 time_scale;
  gint64 origin_us;    /* of the run's clock */
  gint64 clock_off_us; /* how wrong its own clock is */
  GPtrArray *clouds;   /* TsVmmCloud */
  GPtrArray *networks;        /* char *: "name", or "name logical", or "name logical from-to"; logical "-": none */
  GPtrArray *classifications; /* char * */
} TsLabVmmConfig;

TsLabVmmConfig *ts_lab_vmm_config_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_vmm_config_free (TsLabVmmConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabVmmConfig, ts_lab_vmm_config_free)
void ts_lab_vmm_config_add_cloud (TsLabVmmConfig *config, const char *name, const char *const *hosts);
/* Has it that host in one of its clouds? */
gboolean ts_lab_vmm_config_has_host (const TsLabVmmConfig *config, const char *host);
/* What the machine is made with; the caller's. */
TsVmmSetup *ts_lab_vmm_config_setup (const TsLabVmmConfig *config) G_GNUC_WARN_UNUSED_RESULT;

gboolean ts_lab_vmm_config_save (const TsLabVmmConfig *config, const char *path, GError **error);
TsLabVmmConfig *ts_lab_vmm_config_load (const char *path, GError **error);
