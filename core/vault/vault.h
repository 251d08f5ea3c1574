/* core/vault/vault.h -- the Recovery Services vault: what it knows, and what it decides.
 *
 * A machine like the others: one event in, actions out; no I/O, no clock, no chance, no failure of its
 * own.  It knows the registered VMM servers (fabrics), their clouds, hosts and VMs as they report
 * them, policies, pairings of clouds, network and storage mappings, protected items with the
 * operations that are allowed now, recovery plans, jobs with their tasks, events.  It never sees
 * the data of a VM.  Behaviour: HVR reference 1 and 4.
 *
 * What it must not forget are rows.  The PUTs and DELETEs of one step are ONE transaction, durable
 * before any other action of that step is performed; so whoever has been answered can rely on it,
 * and a vault that is killed at any instant comes back, by ts_vault_restore, with the same jobs.
 *
 * Orders to VMM servers carry an id and may be given twice: a VMM server answers an order that it has
 * carried out already with what came of it (core/site/vmm.h).  */
#pragma once
#include "core/base/record.h"
#include "core/vault/request.h"

/* Of the stored rows.  A higher one is refused: TS_ERROR_FORMAT, "made by a newer version". */
#define TS_VAULT_VERSION 1

#define TS_VAULT_KEY_VALID_US (5 * 24 * 3600 * G_GINT64_CONSTANT (1000000)) /* HVR 1.1: 5 days */
#define TS_VAULT_TEST_US (14 * 24 * 3600 * G_GINT64_CONSTANT (1000000)) /* HVR 4.4: two weeks */
#define TS_VAULT_ENTROPY_BYTES 32

typedef enum {
  TS_VAULT_EVENT_TICK,      /* the time that ts_vault_wake_us named has come; harmless otherwise */
  TS_VAULT_EVENT_REQUEST,   /* a client's; answered by exactly one REPLY, in this step */
  TS_VAULT_EVENT_CONNECTED, /* somebody who says to be a Provider has connected */
  TS_VAULT_EVENT_LOST,      /* that connection is gone */
  TS_VAULT_EVENT_MESSAGE,   /* it says something (core/site/message.h) */
} TsVaultEventKind;

typedef struct {
  gint64 now_us; /* since 1970-01-01 UTC, by the vault's own clock */
  TsVaultEventKind kind;
  guint64 connection; /* CONNECTED, LOST, MESSAGE: the engine's; never used twice, also not by a
                         later life of the vault */
  const TsVaultRequest *request;
  GVariant *message;
  const guint8 *entropy; /* REQUEST, CONNECTED, MESSAGE: TS_VAULT_ENTROPY_BYTES that nobody can
                            guess, for keys and secrets */
} TsVaultEvent;

typedef enum {
  TS_VAULT_ACTION_PUT,    /* row (table, key) is value now */
  TS_VAULT_ACTION_DELETE, /* row (table, key) is gone; fine when it is not there */
  TS_VAULT_ACTION_REPLY,
  TS_VAULT_ACTION_SEND,   /* message on connection */
  TS_VAULT_ACTION_CLOSE,  /* connection; not heard as LOST */
  TS_VAULT_ACTION_NOTIFY, /* the resource at path has changed: whoever watches may look again */
  TS_VAULT_ACTION_REPORT, /* record to the journal.  A vault that comes back may say it again, with its number */
  TS_VAULT_ACTION_ALERT,  /* somebody is to be told of an event: value has setting s, to av of s, locale s,
                             event s, type s, severity s, object s, description s, time s.  Likewise */
} TsVaultActionKind;

typedef struct {
  TsVaultActionKind kind;
  const char *table;  /* static */
  char *key;          /* owned */
  GVariant *value;    /* owned; PUT, SEND, ALERT */
  TsVaultReply reply; /* owned */
  guint64 connection;
  char *path;       /* owned; NOTIFY */
  TsRecord *record; /* owned; REPORT */
  guint64 number;   /* REPORT, ALERT: counts up over all lives, never used twice: what has a number that
                       is not higher than the last one told has been told */
} TsVaultAction;

typedef GArray TsVaultActions; /* TsVaultAction, cleared when removed */
TsVaultActions *ts_vault_actions_new (void);
void ts_vault_actions_free (TsVaultActions *actions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVaultActions, ts_vault_actions_free)

typedef struct _TsVault TsVault;

typedef struct { /* one stored row */
  const char *table, *key;
  GVariant *value;
} TsVaultRow;

/* name: "contoso-vault", part of every resource id.  time_scale divides the limits of scripts, of
 * heartbeats and of registration keys, as it does a policy's intervals; 1 outside the lab. */
TsVault *ts_vault_new (const char *name, guint32 time_scale) G_GNUC_WARN_UNUSED_RESULT;
/* Out of all rows that were PUT and not DELETEd, in any order.  TS_ERROR_FORMAT names the row. */
TsVault *ts_vault_restore (const char *name, guint32 time_scale, const TsVaultRow *rows, guint count,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_vault_free (TsVault *vault); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVault, ts_vault_free)

void ts_vault_step (TsVault *vault, const TsVaultEvent *event, TsVaultActions *out);
gint64 ts_vault_wake_us (const TsVault *vault); /* TICK by then; TS_NEVER: not needed */
