/* lab/vault/alert.h -- what becomes of a vault's alerts: a line in a file, a command.
 *
 * The line, and what the command reads on its standard input, is one JSON object: what
 * TS_VAULT_ACTION_ALERT has (core/vault/vault.h) and its number.  A vault that was killed may raise an alert a second
 * time, with the same number.  Commands run one beside the other, TS_LAB_ALERTS_MAX at most; an alert that finds so many running,
 * or whose command fails, is told on standard error. */
#pragma once
#include <glib.h>

#define TS_LAB_ALERTS_MAX 8
#define TS_LAB_ALERT_LIMIT_S 60 /* CHOICE: then its command is killed */

typedef struct _TsLabAlerts TsLabAlerts;

/* file: appended to, made when it is not there; command: run by /bin/sh.  NULL: not. */
TsLabAlerts *ts_lab_alerts_new (const char *file, const char *command) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_alerts_free (TsLabAlerts *alerts); /* NULL is fine; commands that run are killed */
void ts_lab_alerts_raise (TsLabAlerts *alerts, guint64 number, GVariant *alert);
