/* scenarios/cli/vault-show.h -- what a vault answers, as people read it. */
#pragma once
#include <glib.h>
#include <stdio.h>

/* A column of a table: where in a resource its text is ("name", "properties.state",
 * "properties.providerSpecificDetails.lastReplicatedTime"). */
typedef struct {
  const char *title, *place;
} TsVaultColumn;

/* The text at place: a text, a number, or a list joined by ", "; "" when there is none.  Caller frees. */
char *ts_vault_show_text (GVariant *resource, const char *place);
/* list: av of resources.  columns end with a NULL title. */
void ts_vault_show_table (FILE *out, GVariant *list, const TsVaultColumn *columns);
/* A resource or an answer, as indented JSON. */
void ts_vault_show_json (FILE *out, GVariant *value);
/* A job with its tasks, indented, with errors and what to do about them. */
void ts_vault_show_job (FILE *out, GVariant *job);
/* The table of routes, with the fields that they take; pattern: only those that contain it; NULL: all. */
void ts_vault_show_routes (FILE *out, const char *pattern);
