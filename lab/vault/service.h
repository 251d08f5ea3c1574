/* lab/vault/service.h -- the process that is a vault: the machine of core/vault on its store, its REST
 * interface, and the Providers that connect to it.
 *
 * Each step's rows are durable before anything else of it is done; a store that fails ends the process,
 * for what it cannot keep it must not have said.  Started again on the same file it goes on with the
 * same jobs. */
#pragma once
#include <glib.h>
#include "lab/vault/server.h"

typedef struct {
  const char *name;
  const char *store; /* file */
  gboolean make;     /* a store that is not there is made */
  /* REST: TsLabServerOptions */
  const char *address;
  guint16 port;
  const char *token, *certificate, *key;
  /* Providers: "ADDRESS:PORT" or "unix:PATH" (NULL: none can connect), and a folder with ca.pem and
   * NAME.pem, NAME.key of ours */
  const char *providers, *certificates;
  guint die_after; /* for tests: when so many transactions of this life are durable it kills itself (SIGKILL), and
                      nothing else of that step is done; 0: it does not */
  const char *alerts, *alert_command; /* lab/vault/alert.h; NULL: none */
  guint32 time_scale;
  const char *control; /* the runner's socket (lab/host/control.h): gives the socket on which REST is
                            served, then hears "ready" (q port) and "told" (tv, a record with
                            its number: core/vault/vault.h); NULL: none */
  gint64 origin_us;    /* of the run's clock; with control */
} TsLabServiceOptions;

/* Serves until SIGINT, SIGTERM, or the runner lets go.  FALSE: it could not begin, or go on. */
gboolean ts_lab_service_run (const TsLabServiceOptions *options, GError **error);

/* The same as a process of the lab's: `twinsite vault-process NAME STORE PROVIDERS CERTIFICATES CONTROL
 * ORIGIN_US TIME_SCALE`.  Exit status: 0, 64 (usage), 70. */
int ts_lab_service_main (int argc, char **argv);
