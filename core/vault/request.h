/* core/vault/request.h -- what a client asks of a vault, and what it is told.
 *
 * One surface for everybody: the REST server, the command line, the portal and the steps of a
 * scenario all make such requests, so that none of them can do what another cannot.  Method and path
 * are those of the published resource model (HVR reference 4.2), below the vault:
 * "replicationFabrics/paris/replicationProtectionContainers/gold/...".
 *
 * Bodies are GVariants of the kinds that JSON has: a{sv}, av, s, b, x (integers), and no others; how
 * they are written as text is the server's business.  Unknown fields, wrong types and values out of
 * range are refused by name; the table of routes (routes.h) says what each route takes. */
#pragma once
#include <glib.h>

typedef enum { TS_VAULT_GET, TS_VAULT_PUT, TS_VAULT_PATCH, TS_VAULT_POST, TS_VAULT_DELETE } TsVaultMethod;

typedef struct {
  guint64 id; /* the engine's; a reply names it.  Unique among those that are not answered */
  TsVaultMethod method;
  const char *path; /* without a leading or trailing '/', decoded */
  GVariant *body;   /* a{sv}; NULL: none */
} TsVaultRequest;

/* Status codes are HTTP's: 200, 201, 202 (a job has begun; the body names it, location is what to
 * poll), 204, 400, 404, 405, 409 (the state does not allow it, or another operation is in progress),
 * 412, 503 (a server that is needed is not connected).  An error's body is
 * {"error": {"code": s, "message": s, "target": s, "possibleCauses": s, "recommendedAction": s}}. */
typedef struct {
  guint64 id;
  guint status;
  GVariant *body; /* owned; NULL: none */
  char *location; /* owned; NULL: none.  A path as in a request */
} TsVaultReply;

void ts_vault_reply_clear (TsVaultReply *reply);
const char *ts_vault_method_name (TsVaultMethod method); /* "GET" */
