/* lab/vault/server.h -- a vault's REST interface over HTTP/1.1 (libsoup 3), and its portal.
 *
 * What is asked goes to whoever has the vault (a process of the lab, a world of the simulator), who
 * answers by ts_lab_server_reply; nothing is decided here.  Resources lie below /vaults/NAME/ (CHOICE:
 * the published paths have a subscription and a resource group before it, which mean nothing here).
 * Beside them:
 *   /vaults/NAME/operations/JOB         where a long operation is (Azure-AsyncOperation): status
 *   /vaults/NAME/operationResults/JOB   202 while it is under way, then what it came to (Location)
 *   /events                             server-sent events: which resources have changed
 *   /openapi.json                       all of it, from the table of routes
 *   /                                   the portal
 *
 * Who may ask: on loopback without a token, everybody on this machine, but no web page of another
 * origin (Host and Origin are looked at: DNS rebinding, cross-site requests).  On any other address
 * TLS and a bearer token are a must.  Limits: bodies TS_LAB_SERVER_BODY_MAX, requests that wait
 * TS_LAB_SERVER_WAITING_MAX, watchers TS_LAB_SERVER_WATCHERS_MAX, and how long a client may take (door.h). */
#pragma once
#include <glib.h>
#include "core/vault/request.h"

#define TS_LAB_SERVER_PORT 8480
#define TS_LAB_SERVER_BODY_MAX (1 << 20)
#define TS_LAB_SERVER_WAITING_MAX 256
#define TS_LAB_SERVER_WATCHERS_MAX 64
#define TS_LAB_SERVER_TOKEN_MIN 16 /* characters */

/* A request of the engine's own, not of the vault (twinsite demo): POST /demo/NAME. */
typedef struct {
  const char *name;  /* "cut-link" */
  const char *label; /* "Cut the link" */
  const char *help;  /* what will happen, a sentence */
} TsLabServerButton;

typedef struct {
  const char *address; /* numeric; NULL: 127.0.0.1 */
  guint16 port;        /* 0: any that is free */
  int listening;       /* a socket on loopback that listens already, taken; 0: none, one is opened */
  const char *vault;   /* its name */
  const char *certificate, *key; /* PEM files; NULL: no TLS */
  const char *token;             /* NULL: none is asked for */
  const TsLabServerButton *buttons; /* NULL: none */
  guint button_count;
  guint request_ms, stall_ms; /* 0: as door.h says */
} TsLabServerOptions;

typedef struct _TsLabServer TsLabServer;

typedef struct {
  /* A client asks; answered by ts_lab_server_reply with the request's id, here or later. */
  void (*request) (TsLabServer *server, const TsVaultRequest *request, gpointer user);
  /* A button was pressed; error: why it cannot be done now. */
  gboolean (*button) (guint index, gpointer user, GError **error);
  /* The vault's own time, microseconds since 1970, and how many times as fast as ours it passes; NULL:
   * it is ours. */
  gint64 (*clock) (guint *speed, gpointer user);
} TsLabServerEvents;

/* TS_ERROR_ARGUMENT: an address that is not loopback without TLS and token, a token too short, files
 * that are no certificate; TS_ERROR_IO: the port is taken. */
TsLabServer *ts_lab_server_new (const TsLabServerOptions *options, const TsLabServerEvents *events,
                                gpointer user, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Everybody who waits is told that the vault goes away.  NULL is fine. */
void ts_lab_server_free (TsLabServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabServer, ts_lab_server_free)

guint16 ts_lab_server_port (const TsLabServer *server);
char *ts_lab_server_url (const TsLabServer *server); /* "http://127.0.0.1:8480"; caller frees */

/* The answer to a request; one that nobody waits for any more is dropped. */
void ts_lab_server_reply (TsLabServer *server, const TsVaultReply *reply);
/* The vault cannot answer this one: 503 with that reason. */
void ts_lab_server_fail (TsLabServer *server, guint64 id, const char *reason);
/* Watchers hear of it within a tenth of a second. */
void ts_lab_server_changed (TsLabServer *server, const char *path);
