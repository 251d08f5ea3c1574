/* lab/vault/client.h -- somebody who asks a vault over REST, and waits for what it says. */
#pragma once
#include <glib.h>
#include "core/vault/request.h"

typedef struct {
  const char *url;   /* "http://127.0.0.1:8480"; NULL: that */
  const char *token; /* NULL: none */
  const char *ca;    /* PEM file of who has signed the server's certificate; NULL: the system's */
  const char *vault; /* its name; NULL: it is asked for */
  guint timeout_s;   /* of one exchange; 0: 120 */
} TsLabClientOptions;

typedef struct {
  guint status;
  GVariant *body; /* NULL: none */
  char *job;      /* of a 202: the job to look at; else NULL */
} TsLabAnswer;
void ts_lab_answer_clear (TsLabAnswer *answer);

typedef struct _TsLabClient TsLabClient;
/* TS_ERROR_ARGUMENT: no such URL or file. */
TsLabClient *ts_lab_client_new (const TsLabClientOptions *options,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_client_free (TsLabClient *client); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabClient, ts_lab_client_free)

/* The vault's name, asked for once.  NULL: as ts_lab_client_ask. */
const char *ts_lab_client_vault (TsLabClient *client, GError **error);

/* path: as in a request (core/vault/request.h), or from the root when it begins with '/'.
 * TRUE: it has answered, well or not.  TS_ERROR_LOST: nobody answers; TS_ERROR_FORMAT: it is no
 * vault. */
gboolean ts_lab_client_ask (TsLabClient *client, TsVaultMethod method, const char *path,
                            GVariant *body, TsLabAnswer *answer, GError **error);
/* The same, and an answer that is an error is one: TS_ERROR_STATE (409, 412), ARGUMENT (400, 404, 405
 * ...), REFUSED (401, 403), AGAIN (503), with its message and advice.  NULL without error: no body.
 * job: may be NULL. */
GVariant *ts_lab_client_get (TsLabClient *client, TsVaultMethod method, const char *path,
                             GVariant *body, char **job, GError **error);
/* Likewise in the main context; vault's name must be known.  done is called once, never from within
 * this call, and not after ts_lab_client_free: error NULL: it has answered. */
void ts_lab_client_begin (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body,
                          void (*done) (TsLabAnswer *answer, const GError *error, gpointer user),
                          gpointer user);
/* The array of a list, as an av. */
GVariant *ts_lab_client_list (TsLabClient *client, const char *path, GError **error);

/* Hears server-sent events until told says FALSE, or the server goes (TS_ERROR_LOST). */
gboolean ts_lab_client_watch (TsLabClient *client,
                              gboolean (*told) (const char *event, const char *data, gpointer user),
                              gpointer user, GError **error);
