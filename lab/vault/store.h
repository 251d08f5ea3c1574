/* lab/vault/store.h -- the rows of a machine that must not forget, in one SQLite file.
 *
 * A step's rows are one transaction, durable (WAL, synchronous FULL) when ts_lab_store_commit returns;
 * a process that is killed at any instant finds all of a step, or nothing of it.  One process has
 * the file at a time, for as long as it has it open.
 *
 * FILE, layout version 1: application_id "TSVS", user_version 1, and
 *   about (key, value): 'kind' who wrote it ("vault", "vmm"), 'rows' the version of what is in the
 *     rows, 'name' whose they are, 'life' how often it has been opened
 *   rows (tab, key, type, value, sum): a GVariant of that type, little-endian, in normal form; sum:
 *     XXH3-64 of tab, key, type (a zero behind each) and value
 * An open file is refused, and left as it is, if and only if: it is not a database, or not one of
 * these (FORMAT); of another kind or name (ARGUMENT); of a newer layout or newer rows (FORMAT);
 * damaged, by SQLite's check or a row's sum (FORMAT, the row is named); held by another process
 * (AGAIN); not to be written (IO); not there and not to be made (ARGUMENT). */
#pragma once
#include <glib.h>

typedef struct _TsLabStore TsLabStore;

typedef struct { /* one row; texts and value live as long as the array that it is in */
  const char *table, *key;
  GVariant *value;
} TsLabStoreRow;

typedef struct {
  const char *kind; /* "vault" */
  const char *name; /* "contoso-vault": a file of another one is not ours */
  gint rows;        /* version of the rows, 1 or more */
  gboolean make;    /* TRUE: a file that is not there is made */
} TsLabStoreOptions;

TsLabStore *ts_lab_store_open (const char *path, const TsLabStoreOptions *options,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_store_free (TsLabStore *store); /* what is not committed is not kept; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabStore, ts_lab_store_free)

/* 1, 2, 3 ...: how often the file has been opened, this time too.  Durable. */
guint32 ts_lab_store_life (const TsLabStore *store);

/* All rows, sorted by table and key: an array of TsLabStoreRow, freed with its rows. */
GArray *ts_lab_store_rows (TsLabStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Between the first put or delete and commit is one transaction.  A store that has failed once
 * fails from then on: who has stepped a machine and could not keep what it said must end, and come
 * back by what is kept. */
gboolean ts_lab_store_put (TsLabStore *store, const char *table, const char *key, GVariant *value,
                           GError **error);
gboolean ts_lab_store_delete (TsLabStore *store, const char *table, const char *key,
                              GError **error);
gboolean ts_lab_store_commit (TsLabStore *store, GError **error);
