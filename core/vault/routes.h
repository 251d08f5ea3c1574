/* core/vault/routes.h -- every route of the vault, in one table.
 *
 * From it come: what the vault accepts, the OpenAPI document, the command line's help, and the test
 * that walks all of it.  Paths are those of HVR reference 4.2; a segment in braces is a name. */
#pragma once
#include "core/vault/request.h"

typedef enum {
  TS_VAULT_FIELD_TEXT,    /* s; min and max: its length in characters */
  TS_VAULT_FIELD_NAME,    /* s: a resource's name */
  TS_VAULT_FIELD_ID,      /* s: the id (path) of another resource, of the kind `of` */
  TS_VAULT_FIELD_CHOICE,  /* s: one of `of`, "a|b|c" */
  TS_VAULT_FIELD_INTEGER, /* x: min to max */
  TS_VAULT_FIELD_BOOLEAN, /* b */
  TS_VAULT_FIELD_TIME,    /* s: 2026-01-31T18:30:00Z */
  TS_VAULT_FIELD_OBJECT,  /* a{sv}: the fields of body `of` */
  TS_VAULT_FIELD_LIST,    /* av: each as body `of`, or a text when that is NULL; min to max of them */
} TsVaultFieldType;

typedef struct {
  const char *body; /* the body or object that it belongs to: "policy", "failover" */
  const char *name; /* as written: "replicationFrequencyInSeconds" */
  TsVaultFieldType type;
  const char *of;
  gboolean required;
  gint64 min, max; /* max 0: no limits */
  const char *help; /* half a sentence */
} TsVaultField;

typedef struct {
  TsVaultMethod method;
  const char *pattern; /* "replicationFabrics/{fabric}/replicationNetworks" */
  const char *body;    /* the fields that it takes; NULL: none */
  const char *answer;  /* kind of resource that it answers with; "job"; NULL: nothing */
  gboolean list;       /* {"value": [answer ...]} */
  const char *summary; /* a sentence, for OpenAPI and --help */
} TsVaultRoute;

const TsVaultRoute *ts_vault_routes (guint *count);
const TsVaultField *ts_vault_fields (guint *count);
/* The field of that name in that body, or NULL. */
const TsVaultField *ts_vault_field (const char *body, const char *name);
/* The route of that method and path; names: what stands for each segment in braces, to be freed by
 * g_strfreev; NULL when there is none (*other: another method would have one). */
const TsVaultRoute *ts_vault_route_find (TsVaultMethod method, const char *path, char ***names,
                                         gboolean *other);
/* What a kind of resource is for, in half a sentence; NULL: there is no such kind. */
const char *ts_vault_kind_help (const char *kind);
/* Is body (NULL: none) what the route takes?  TS_ERROR_ARGUMENT names the field, what was expected
 * and what came; *target: the field, as "properties.recoveryPoints", to be freed. */
gboolean ts_vault_body_check (const TsVaultRoute *route, GVariant *body, char **target,
                              GError **error);
