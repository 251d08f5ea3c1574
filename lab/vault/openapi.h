/* lab/vault/openapi.h -- the OpenAPI 3 document of a vault, made of the table of routes. */
#pragma once
#include <glib.h>

/* JSON.  token: whether one is asked for. */
char *ts_lab_openapi (const char *vault, gboolean token) G_GNUC_WARN_UNUSED_RESULT;
