/* lab/vault/store.c -- see store.h. */
#include "lab/vault/store.h"
#include <sqlite3.h>
#include <string.h>
#include <xxhash.h>
#include "core/base/error.h"

#define APPLICATION_ID 0x54535653 /* "TSVS" */
#define LAYOUT 1
#define BUSY_MS 2000 /* a predecessor that was killed is still being taken down */

enum { PUT, DELETE, BEGIN, COMMIT, STATEMENTS };

static const char *const statements[STATEMENTS] = {
    [PUT] = ("INSERT INTO rows (tab, key, type, value, sum) VALUES (?1, ?2, ?3, ?4, ?5) "
             "ON CONFLICT (tab, key) DO UPDATE SET type = ?3, value = ?4, sum = ?5"),
    [DELETE] = "DELETE FROM rows WHERE tab = ?1 AND key = ?2",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

struct _TsLabStore {
  char *path;
  sqlite3 *db;
  sqlite3_stmt *prepared[STATEMENTS];
  guint32 life;
  gboolean in_step;
  GError *failed; /* not NULL: for good */
};

/* What SQLite's answer means to who asked. */
static TsErrorCode
code_of (int answer)
{
  switch (answer & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return TS_ERROR_AGAIN;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return TS_ERROR_FORMAT;
  case SQLITE_FULL:
    return TS_ERROR_FULL;
  default:
    return TS_ERROR_IO;
  }
}

static gboolean
throw_sqlite (TsLabStore *store, const char *doing, GError **error)
{
  int answer = store->db ? sqlite3_extended_errcode (store->db) : SQLITE_NOMEM;
  TsErrorCode code = code_of (answer);
  const char *why = store->db ? sqlite3_errmsg (store->db) : "out of memory";
  if (code == TS_ERROR_AGAIN)
    return ts_throw (error, code, "%s is held by another process: only one vault may serve it",
                     store->path);
  if ((answer & 0xff) == SQLITE_NOTADB)
    return ts_throw (error, code, "%s is not a database", store->path);
  if ((answer & 0xff) == SQLITE_READONLY)
    return ts_throw (error, code, "%s cannot be written: %s", store->path, why);
  return ts_throw (error, code, "%s: %s: %s", store->path, doing, why);
}

static gboolean
run (TsLabStore *store, const char *sql, GError **error)
{
  return sqlite3_exec (store->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
         throw_sqlite (store, sql, error);
}

/* The first column of the first row; fallback when there is none. */
static gboolean
ask_int (TsLabStore *store, const char *sql, gint64 fallback, gint64 *value, GError **error)
{
  sqlite3_stmt *asked = NULL;
  *value = fallback;
  if (sqlite3_prepare_v2 (store->db, sql, -1, &asked, NULL) != SQLITE_OK)
    return throw_sqlite (store, sql, error);
  int answer = sqlite3_step (asked);
  if (answer == SQLITE_ROW)
    *value = sqlite3_column_int64 (asked, 0);
  sqlite3_finalize (asked);
  return answer == SQLITE_ROW || answer == SQLITE_DONE || throw_sqlite (store, sql, error);
}

static gboolean
ask_text (TsLabStore *store, const char *sql, const char *bound, char **text, GError **error)
{
  sqlite3_stmt *asked = NULL;
  *text = NULL;
  if (sqlite3_prepare_v2 (store->db, sql, -1, &asked, NULL) != SQLITE_OK)
    return throw_sqlite (store, sql, error);
  if (bound)
    sqlite3_bind_text (asked, 1, bound, -1, SQLITE_STATIC);
  int answer = sqlite3_step (asked);
  if (answer == SQLITE_ROW)
    *text = g_strdup ((const char *)sqlite3_column_text (asked, 0));
  sqlite3_finalize (asked);
  return answer == SQLITE_ROW || answer == SQLITE_DONE || throw_sqlite (store, sql, error);
}

#define ABOUT "SELECT value FROM about WHERE key = ?1"

static gboolean
set_about (TsLabStore *store, const char *key, const char *value, GError **error)
{
  sqlite3_stmt *said = NULL;
  const char *sql = "INSERT INTO about (key, value) VALUES (?1, ?2) "
                    "ON CONFLICT (key) DO UPDATE SET value = ?2";
  if (sqlite3_prepare_v2 (store->db, sql, -1, &said, NULL) != SQLITE_OK)
    return throw_sqlite (store, sql, error);
  sqlite3_bind_text (said, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_text (said, 2, value, -1, SQLITE_STATIC);
  int answer = sqlite3_step (said);
  sqlite3_finalize (said);
  return answer == SQLITE_DONE || throw_sqlite (store, sql, error);
}

/* --- opening ---------------------------------------------------------------------------------- */

static gboolean
make_tables (TsLabStore *store, const TsLabStoreOptions *options, GError **error)
{
  g_autofree char *rows = g_strdup_printf ("%d", options->rows);
  g_autofree char *marks = g_strdup_printf ("PRAGMA application_id = %d; PRAGMA user_version = %d",
                                            APPLICATION_ID, LAYOUT);
  return run (store, "BEGIN IMMEDIATE", error) && run (store, marks, error) &&
         run (store,
              "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
              "CREATE TABLE rows (tab TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL,"
              "  value BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID",
              error) &&
         set_about (store, "kind", options->kind, error) &&
         set_about (store, "name", options->name, error) &&
         set_about (store, "rows", rows, error) && run (store, "COMMIT", error);
}

static gboolean
look_at_layout (TsLabStore *store, gboolean *empty, GError **error)
{
  gint64 mark, layout, tables;
  if (!ask_int (store, "PRAGMA application_id", 0, &mark, error) ||
      !ask_int (store, "PRAGMA user_version", 0, &layout, error) ||
      !ask_int (store, "SELECT count(*) FROM sqlite_master", 0, &tables, error))
    return FALSE;
  *empty = mark == 0 && layout == 0 && tables == 0;
  if (*empty)
    return TRUE;
  if (mark != APPLICATION_ID)
    return ts_throw (error, TS_ERROR_FORMAT, "%s is a database, but not a store of twinsite",
                     store->path);
  if (layout > LAYOUT)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "%s was made by a newer version of twinsite (layout %d, this one knows %d)",
                     store->path, (int)layout, LAYOUT);
  if (layout != LAYOUT)
    return ts_throw (error, TS_ERROR_FORMAT, "%s has the layout %d, which this version never made",
                     store->path, (int)layout);
  return TRUE;
}

static gboolean
look_at_owner (TsLabStore *store, const TsLabStoreOptions *options, GError **error)
{
  g_autofree char *kind = NULL, *name = NULL, *rows = NULL, *verdict = NULL;
  if (!ask_text (store, "PRAGMA integrity_check(1)", NULL, &verdict, error))
    return FALSE;
  if (g_strcmp0 (verdict, "ok") != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "%s is damaged: %s", store->path,
                     verdict ? verdict : "no answer");
  if (!ask_text (store, ABOUT, "kind", &kind, error) ||
      !ask_text (store, ABOUT, "name", &name, error) ||
      !ask_text (store, ABOUT, "rows", &rows, error))
    return FALSE;
  gint64 version = 0;
  if (!kind || !name || !rows || !g_ascii_string_to_signed (rows, 10, 1, G_MAXINT, &version, NULL))
    return ts_throw (error, TS_ERROR_FORMAT, "%s does not say whose it is", store->path);
  if (!g_str_equal (kind, options->kind) || !g_str_equal (name, options->name))
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s belongs to the %s \"%s\", not to the %s \"%s\"",
                     store->path, kind, name, options->kind, options->name);
  if (version > options->rows)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "%s was made by a newer version of twinsite (rows %d, this one knows %d)",
                     store->path, (int)version, options->rows);
  if (version != options->rows)
    return ts_throw (error, TS_ERROR_FORMAT, "%s has rows of version %d, which is not supported",
                     store->path, (int)version);
  return TRUE;
}

/* Also proof that the file can be written. */
static gboolean
begin_life (TsLabStore *store, GError **error)
{
  g_autofree char *before = NULL;
  guint64 life = 0;
  if (!run (store, "BEGIN IMMEDIATE", error) ||
      !ask_text (store, ABOUT, "life", &before, error))
    return FALSE;
  if (before && !g_ascii_string_to_unsigned (before, 10, 1, G_MAXUINT32 - 1, &life, NULL))
    return ts_throw (error, TS_ERROR_FORMAT, "%s does not say how often it was opened",
                     store->path);
  store->life = (guint32)life + 1;
  g_autofree char *now = g_strdup_printf ("%u", store->life);
  return set_about (store, "life", now, error) && run (store, "COMMIT", error);
}

static gboolean
look_at_file (const char *path, const TsLabStoreOptions *options, gboolean *there, GError **error)
{
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  *there = g_file_test (path, G_FILE_TEST_EXISTS);
  if (!*there && !options->make)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "there is no %s; a new one is only made when that is asked for", path);
  if (!*there && g_file_test (wal, G_FILE_TEST_EXISTS)) /* making one would overwrite that */
    return ts_throw (error, TS_ERROR_FORMAT,
                     "%s is missing, but what was last written to it is still in %s", path, wal);
  if (*there && !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s is not a file", path);
  return TRUE;
}

static gboolean
open_file (TsLabStore *store, const TsLabStoreOptions *options, GError **error)
{
  gboolean there, empty;
  if (!look_at_file (store->path, options, &there, error))
    return FALSE;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  int answer = sqlite3_open_v2 (store->path, &store->db,
                                there ? flags : flags | SQLITE_OPEN_CREATE, NULL);
  if (answer != SQLITE_OK)
    return throw_sqlite (store, "open", error);
  if (sqlite3_db_readonly (store->db, "main") == 1)
    return ts_throw (error, TS_ERROR_IO, "%s cannot be written: see its permissions", store->path);
  sqlite3_busy_timeout (store->db, BUSY_MS);
  /* Until it is known to be ours nothing may be written, also not when it is closed again. */
  sqlite3_db_config (store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_db_config (store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if (!run (store, "PRAGMA locking_mode = EXCLUSIVE", error) ||
      !look_at_layout (store, &empty, error))
    return FALSE;
  if (there && empty && !options->make)
    return ts_throw (error, TS_ERROR_FORMAT, "%s is empty", store->path);
  if (!empty && !look_at_owner (store, options, error))
    return FALSE;
  if (!empty) { /* every row, before anything is written */
    g_autoptr (GArray) rows = ts_lab_store_rows (store, error);
    if (!rows)
      return FALSE;
  }
  return run (store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", error) &&
         (!empty || make_tables (store, options, error)) && begin_life (store, error);
}

static gboolean
prepare (TsLabStore *store, GError **error)
{
  for (guint i = 0; i < STATEMENTS; i++)
    if (sqlite3_prepare_v3 (store->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                            &store->prepared[i], NULL) != SQLITE_OK)
      return throw_sqlite (store, statements[i], error);
  sqlite3_db_config (store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
  return TRUE;
}

TsLabStore *
ts_lab_store_open (const char *path, const TsLabStoreOptions *options, GError **error)
{
  g_autoptr (TsLabStore) store = g_new0 (TsLabStore, 1);
  store->path = g_strdup (path);
  if (!open_file (store, options, error) || !prepare (store, error))
    return NULL;
  return g_steal_pointer (&store);
}

void
ts_lab_store_free (TsLabStore *store)
{
  if (!store)
    return;
  for (guint i = 0; i < STATEMENTS; i++)
    sqlite3_finalize (store->prepared[i]);
  sqlite3_close (store->db);
  g_clear_error (&store->failed);
  g_free (store->path);
  g_free (store);
}

guint32
ts_lab_store_life (const TsLabStore *store)
{
  return store->life;
}

/* --- rows ------------------------------------------------------------------------------------- */

static gint64
sum_of (const char *table, const char *key, const char *type, const void *value, gsize len_bytes)
{
  g_autoptr (GByteArray) all = g_byte_array_sized_new ((guint)len_bytes + 256);
  g_byte_array_append (all, (const guint8 *)table, (guint)strlen (table) + 1);
  g_byte_array_append (all, (const guint8 *)key, (guint)strlen (key) + 1);
  g_byte_array_append (all, (const guint8 *)type, (guint)strlen (type) + 1);
  if (len_bytes > 0)
    g_byte_array_append (all, value, (guint)len_bytes);
  return (gint64)XXH3_64bits (all->data, all->len);
}

static GVariant *
little_endian (GVariant *value) /* a new reference, in normal form */
{
  g_autoptr (GVariant) normal = g_variant_get_normal_form (value);
  return G_BYTE_ORDER == G_LITTLE_ENDIAN ? g_steal_pointer (&normal) : g_variant_byteswap (normal);
}

static void
row_clear (gpointer data)
{
  TsLabStoreRow *row = data;
  g_free ((char *)row->table);
  g_free ((char *)row->key);
  g_clear_pointer (&row->value, g_variant_unref);
}

static gboolean
read_row (TsLabStore *store, sqlite3_stmt *asked, TsLabStoreRow *row, GError **error)
{
  const char *table = (const char *)sqlite3_column_text (asked, 0);
  const char *key = (const char *)sqlite3_column_text (asked, 1);
  const char *type = (const char *)sqlite3_column_text (asked, 2);
  const void *blob = sqlite3_column_blob (asked, 3);
  gsize len_bytes = (gsize)sqlite3_column_bytes (asked, 3);
  if (!table || !key || !type || !g_variant_type_string_is_valid (type) ||
      !g_variant_type_is_definite (G_VARIANT_TYPE (type)) ||
      sum_of (table, key, type, blob, len_bytes) != sqlite3_column_int64 (asked, 4))
    return ts_throw (error, TS_ERROR_FORMAT, "%s is damaged: row %s of %s", store->path,
                     key ? key : "?", table ? table : "?");
  g_autoptr (GBytes) bytes = g_bytes_new (blob, len_bytes);
  g_autoptr (GVariant) stored =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, FALSE));
  if (!g_variant_is_normal_form (stored))
    return ts_throw (error, TS_ERROR_FORMAT, "%s is damaged: row %s of %s", store->path, key,
                     table);
  row->table = g_strdup (table);
  row->key = g_strdup (key);
  row->value = little_endian (stored);
  return TRUE;
}

GArray *
ts_lab_store_rows (TsLabStore *store, GError **error)
{
  const char *sql = "SELECT tab, key, type, value, sum FROM rows ORDER BY tab, key";
  sqlite3_stmt *asked = NULL;
  if (sqlite3_prepare_v2 (store->db, sql, -1, &asked, NULL) != SQLITE_OK) {
    throw_sqlite (store, sql, error);
    return NULL;
  }
  g_autoptr (GArray) rows = g_array_new (FALSE, TRUE, sizeof (TsLabStoreRow));
  g_array_set_clear_func (rows, row_clear);
  int answer;
  gboolean good = TRUE;
  while (good && (answer = sqlite3_step (asked)) == SQLITE_ROW) {
    TsLabStoreRow row = {0};
    good = read_row (store, asked, &row, error);
    if (good)
      g_array_append_val (rows, row);
  }
  if (good && answer != SQLITE_DONE)
    good = throw_sqlite (store, sql, error);
  sqlite3_finalize (asked);
  return good ? g_steal_pointer (&rows) : NULL;
}

/* --- a step ----------------------------------------------------------------------------------- */

static gboolean
run_prepared (TsLabStore *store, guint which, GError **error)
{
  if (store->failed) {
    g_propagate_error (error, g_error_copy (store->failed));
    return FALSE;
  }
  int answer = sqlite3_step (store->prepared[which]);
  if (answer != SQLITE_DONE)
    throw_sqlite (store, "write", &store->failed);
  sqlite3_reset (store->prepared[which]);
  if (store->failed) {
    if (store->in_step)
      sqlite3_exec (store->db, "ROLLBACK", NULL, NULL, NULL);
    g_propagate_error (error, g_error_copy (store->failed));
    return FALSE;
  }
  return TRUE;
}

static gboolean
enter_step (TsLabStore *store, GError **error)
{
  if (store->in_step)
    return TRUE;
  return store->in_step = run_prepared (store, BEGIN, error);
}

gboolean
ts_lab_store_put (TsLabStore *store, const char *table, const char *key, GVariant *value,
                  GError **error)
{
  if (!enter_step (store, error))
    return FALSE;
  g_autoptr (GVariant) stored = little_endian (value);
  const char *type = g_variant_get_type_string (stored);
  gsize len_bytes = g_variant_get_size (stored);
  const void *data = len_bytes > 0 ? g_variant_get_data (stored) : "";
  sqlite3_stmt *put = store->prepared[PUT];
  sqlite3_bind_text (put, 1, table, -1, SQLITE_STATIC);
  sqlite3_bind_text (put, 2, key, -1, SQLITE_STATIC);
  sqlite3_bind_text (put, 3, type, -1, SQLITE_STATIC);
  sqlite3_bind_blob64 (put, 4, data, len_bytes, SQLITE_STATIC);
  sqlite3_bind_int64 (put, 5, sum_of (table, key, type, data, len_bytes));
  gboolean good = run_prepared (store, PUT, error);
  sqlite3_clear_bindings (put);
  return good;
}

gboolean
ts_lab_store_delete (TsLabStore *store, const char *table, const char *key, GError **error)
{
  if (!enter_step (store, error))
    return FALSE;
  sqlite3_stmt *gone = store->prepared[DELETE];
  sqlite3_bind_text (gone, 1, table, -1, SQLITE_STATIC);
  sqlite3_bind_text (gone, 2, key, -1, SQLITE_STATIC);
  return run_prepared (store, DELETE, error);
}

gboolean
ts_lab_store_commit (TsLabStore *store, GError **error)
{
  if (!store->in_step)
    return TRUE;
  if (!run_prepared (store, COMMIT, error))
    return FALSE;
  store->in_step = FALSE;
  return TRUE;
}
