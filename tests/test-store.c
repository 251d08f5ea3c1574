/* tests/test-store.c -- what a vault was told to keep is there after a kill, and never half of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/vault/store.h"

static const TsLabStoreOptions make = {"vault", "contoso", 1, TRUE};
static const TsLabStoreOptions keep = {"vault", "contoso", 1, FALSE};

typedef struct {
  char *folder, *path, *wal;
} Place;

static int
setup (void **state)
{
  Place *place = g_new0 (Place, 1);
  place->folder = g_dir_make_tmp ("ts-store-XXXXXX", NULL);
  place->path = g_build_filename (place->folder, "vault.sqlite", NULL);
  place->wal = g_strconcat (place->path, "-wal", NULL);
  *state = place;
  return 0;
}

static int
teardown (void **state)
{
  Place *place = *state;
  const char *left;
  g_autoptr (GDir) dir = g_dir_open (place->folder, 0, NULL);
  while ((left = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (place->folder, left, NULL);
    g_unlink (path);
  }
  assert_int_equal (g_rmdir (place->folder), 0);
  g_free (place->folder);
  g_free (place->path);
  g_free (place->wal);
  g_free (place);
  return 0;
}

/* Step n: row n is there with n in it, "last" is n, row n - 3 is gone. */
static gboolean
step (TsLabStore *store, gint64 n, GError **error)
{
  g_autofree char *key = g_strdup_printf ("%" G_GINT64_FORMAT, n);
  g_autofree char *old = g_strdup_printf ("%" G_GINT64_FORMAT, n - 3);
  g_autoptr (GVariant) job =
      g_variant_ref_sink (g_variant_new_parsed ("{'n': <%x>, 'name': <'failover'>}", n));
  g_autoptr (GVariant) last = g_variant_ref_sink (g_variant_new_int64 (n));
  return ts_lab_store_put (store, "jobs", key, job, error) &&
         ts_lab_store_put (store, "state", "last", last, error) &&
         ts_lab_store_delete (store, "jobs", old, error) && ts_lab_store_commit (store, error);
}

/* The step that the file holds, checked to be held whole; 0: none. */
static gint64
held (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabStore) store = ts_lab_store_open (path, &keep, &error);
  g_autoptr (GArray) rows = store ? ts_lab_store_rows (store, &error) : NULL;
  if (error)
    fail_msg ("%s", error->message);
  gint64 last = 0;
  for (guint i = 0; i < rows->len; i++) {
    const TsLabStoreRow *row = &g_array_index (rows, TsLabStoreRow, i);
    if (g_str_equal (row->table, "state"))
      last = g_variant_get_int64 (row->value);
  }
  assert_int_equal (rows->len, last == 0 ? 0 : MIN (last, 3) + 1);
  for (guint i = 0; i < rows->len; i++) {
    const TsLabStoreRow *row = &g_array_index (rows, TsLabStoreRow, i);
    if (!g_str_equal (row->table, "jobs"))
      continue;
    gint64 n = -1;
    assert_true (g_variant_lookup (row->value, "n", "x", &n));
    assert_in_range (n, MAX (1, last - 2), last);
    assert_int_equal (n, g_ascii_strtoll (row->key, NULL, 10));
  }
  return last;
}

static void
steps_are_kept (void **state)
{
  Place *place = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabStore) store = ts_lab_store_open (place->path, &make, &error);
  if (error)
    fail_msg ("%s", error->message);
  assert_int_equal (ts_lab_store_life (store), 1);
  for (gint64 n = 1; n <= 5; n++)
    assert_true (step (store, n, &error));
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_int64 (99));
  assert_true (ts_lab_store_put (store, "state", "last", value, &error)); /* and not committed */
  g_clear_pointer (&store, ts_lab_store_free);
  assert_int_equal (held (place->path), 5);
  store = ts_lab_store_open (place->path, &keep, &error);
  assert_int_equal (ts_lab_store_life (store), 3); /* held() was one */
}

/* A child that goes through steps, and says each that is committed. */
static pid_t
start_child (const char *path, gint64 from, int *told)
{
  int ends[2];
  assert_int_equal (pipe (ends), 0);
  pid_t pid = fork ();
  if (pid == 0) {
    close (ends[0]);
    TsLabStore *store = ts_lab_store_open (path, &make, NULL);
    for (gint64 n = from; store && step (store, n, NULL); n++)
      if (write (ends[1], &n, sizeof n) != sizeof n)
        break;
    _exit (1);
  }
  close (ends[1]);
  *told = ends[0];
  return pid;
}

static void
killed_at_any_instant (void **state)
{
  Place *place = *state;
  gint64 last = 0;
  guint32 weather = 2463534242; /* xorshift: the same instants each time, as far as a machine has any */
  for (guint round = 0; round < 40; round++) {
    int told;
    gint64 said = last, n;
    pid_t pid = start_child (place->path, last + 1, &told);
    weather ^= weather << 13, weather ^= weather >> 17, weather ^= weather << 5;
    if (round > 0) /* from the first instants of opening to the middle of many steps */
      g_usleep (weather % (round % 2 ? 30000 : 120000));
    else
      assert_int_equal (read (told, &said, sizeof said), sizeof said); /* there is a file now */
    kill (pid, SIGKILL);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    while (read (told, &n, sizeof n) == sizeof n)
      said = n;
    close (told);
    gint64 now = held (place->path);
    /* what was said is kept; one more may have been committed and not said */
    assert_in_range (now, said, said + 1);
    last = now;
  }
  print_message ("%d steps over 40 kills\n", (int)last);
  assert_true (last > 40);
}

static void
copy (const char *from, const char *to, gsize len_bytes)
{
  g_autofree char *bytes = NULL;
  gsize all = 0;
  if (!g_file_get_contents (from, &bytes, &all, NULL)) {
    g_unlink (to);
    return;
  }
  assert_true (g_file_set_contents (to, bytes, (gssize)MIN (len_bytes, all), NULL));
}

/* What a power loss leaves of a log that was being written: some leading part of it. */
static void
torn_log (void **state)
{
  Place *place = *state;
  int told;
  gint64 n = 0;
  pid_t pid = start_child (place->path, 1, &told);
  while (n < 12)
    assert_int_equal (read (told, &n, sizeof n), sizeof n);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  close (told);
  g_autofree char *base = g_strconcat (place->path, ".base", NULL);
  g_autofree char *log = g_strconcat (place->path, ".log", NULL);
  copy (place->path, base, G_MAXSIZE);
  copy (place->wal, log, G_MAXSIZE);
  struct stat st;
  assert_int_equal (stat (log, &st), 0);
  gint64 most = 0, before = 0;
  guint looked = 0;
  g_autoptr (GError) error = NULL;
  for (gsize bytes = 0; bytes <= (gsize)st.st_size; bytes += 1733) {
    copy (base, place->path, G_MAXSIZE);
    copy (log, place->wal, bytes);
    g_autoptr (TsLabStore) store = ts_lab_store_open (place->path, &keep, &error);
    if (!store) { /* not even the tables are in what was left */
      assert_int_equal (most, 0);
      g_clear_error (&error);
      continue;
    }
    g_clear_pointer (&store, ts_lab_store_free);
    gint64 now = held (place->path);
    assert_true (now >= before); /* more of the log, never less of the steps */
    before = now;
    most = MAX (most, now);
    looked++;
  }
  print_message ("%u lengths of a log of %d bytes, up to step %d\n", looked, (int)st.st_size,
                 (int)most);
  assert_true (most >= 11);
}

static void
refuses (const char *path, const TsLabStoreOptions *options, TsErrorCode code, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabStore) store = ts_lab_store_open (path, options, &error);
  assert_null (store);
  if (!g_error_matches (error, TS_ERROR, (gint)code) || !strstr (error->message, says))
    fail_msg ("code %d, not %d: %s (not: ... %s ...)", error->code, (gint)code, error->message, says);
}

static void
with_steps (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabStore) store = ts_lab_store_open (path, &make, &error);
  assert_non_null (store);
  for (gint64 n = 1; n <= 4; n++)
    assert_true (step (store, n, &error));
}

static void
change (const char *path, const char *sql)
{
  sqlite3 *db = NULL;
  assert_int_equal (sqlite3_open (path, &db), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (db);
}

static void
missing (void **state)
{
  Place *place = *state;
  refuses (place->path, &keep, TS_ERROR_ARGUMENT, "there is no");
  assert_false (g_file_test (place->path, G_FILE_TEST_EXISTS));
  /* lost, with its log still there: a new one would take the log away */
  assert_true (g_file_set_contents (place->wal, "x", 1, NULL));
  refuses (place->path, &make, TS_ERROR_FORMAT, "is missing");
  assert_true (g_file_test (place->wal, G_FILE_TEST_EXISTS));
  refuses (place->folder, &make, TS_ERROR_ARGUMENT, "is not a file");
  refuses ("/nowhere/at/all/vault.sqlite", &make, TS_ERROR_IO, "unable to open");
}

static void
empty (void **state)
{
  Place *place = *state;
  assert_true (g_file_set_contents (place->path, "", 0, NULL));
  refuses (place->path, &keep, TS_ERROR_FORMAT, "is empty");
}

static void
not_ours (void **state)
{
  Place *place = *state;
  assert_true (g_file_set_contents (place->path, "sites: {paris: {}, lyon: {}}, and so on and on",
                                    -1, NULL));
  refuses (place->path, &make, TS_ERROR_FORMAT, "not a database");
  g_unlink (place->path);
  change (place->path, "CREATE TABLE photos (id)");
  refuses (place->path, &make, TS_ERROR_FORMAT, "not a store of twinsite");
  g_unlink (place->path);
  with_steps (place->path);
  const TsLabStoreOptions other = {"vault", "fabrikam", 1, TRUE}, vmm = {"vmm", "contoso", 1, TRUE};
  refuses (place->path, &other, TS_ERROR_ARGUMENT, "belongs to the vault \"contoso\"");
  refuses (place->path, &vmm, TS_ERROR_ARGUMENT, "belongs to the vault");
  assert_int_equal (held (place->path), 4);
}

static void
newer (void **state)
{
  Place *place = *state;
  with_steps (place->path);
  change (place->path, "UPDATE about SET value = '2' WHERE key = 'rows'");
  refuses (place->path, &keep, TS_ERROR_FORMAT, "newer version");
  change (place->path, "UPDATE about SET value = '1' WHERE key = 'rows'; PRAGMA user_version = 9");
  refuses (place->path, &keep, TS_ERROR_FORMAT, "newer version");
  change (place->path, "PRAGMA user_version = 1");
  assert_int_equal (held (place->path), 4); /* and nothing was lost */
}

/* Every byte of the file in turn is not what it was: found out, or it did not matter. */
static void
damaged (void **state)
{
  Place *place = *state;
  with_steps (place->path);
  g_autofree char *bytes = NULL;
  gsize len_bytes = 0;
  guint refused = 0, harmless = 0;
  assert_true (g_file_get_contents (place->path, &bytes, &len_bytes, NULL));
  for (gsize at = 0; at < len_bytes; at += at < 200 ? 7 : 31) {
    bytes[at] = (char)(bytes[at] ^ 0x15);
    assert_true (g_file_set_contents (place->path, bytes, (gssize)len_bytes, NULL));
    g_autoptr (GError) error = NULL;
    g_autoptr (TsLabStore) store = ts_lab_store_open (place->path, &keep, &error);
    if (store) {
      g_clear_pointer (&store, ts_lab_store_free);
      assert_int_equal (held (place->path), 4);
      harmless++;
    } else {
      g_autofree char *now = NULL;
      gsize now_bytes = 0;
      assert_true (g_file_get_contents (place->path, &now, &now_bytes, NULL));
      assert_memory_equal (now, bytes, len_bytes); /* left as it was */
      refused++;
    }
    g_unlink (place->wal);
    bytes[at] = (char)(bytes[at] ^ 0x15);
  }
  print_message ("%u places: %u refused, %u where nothing was kept\n", refused + harmless, refused,
                 harmless);
  assert_true (refused > 20);
  /* and a row of another value, in a sound database */
  assert_true (g_file_set_contents (place->path, bytes, (gssize)len_bytes, NULL));
  change (place->path, "UPDATE rows SET value = x'ff00000000000000' WHERE tab = 'state'");
  refuses (place->path, &keep, TS_ERROR_FORMAT, "row last of state");
}

static void
held_by_another (void **state)
{
  Place *place = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLabStore) store = ts_lab_store_open (place->path, &make, &error);
  assert_true (step (store, 1, &error));
  pid_t pid = fork (); /* locks of one process do not hurt itself */
  if (pid == 0) {
    g_autoptr (GError) why = NULL;
    TsLabStore *second = ts_lab_store_open (place->path, &keep, &why);
    _exit (!second && g_error_matches (why, TS_ERROR, TS_ERROR_AGAIN) ? 0 : 1);
  }
  int status;
  waitpid (pid, &status, 0);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
  assert_true (step (store, 2, &error));
}

static void
read_only (void **state)
{
  Place *place = *state;
  with_steps (place->path);
  g_chmod (place->path, 0444);
  g_chmod (place->folder, 0555);
  pid_t pid = fork (); /* root may write anywhere */
  if (pid == 0) {
    g_autoptr (GError) why = NULL;
    if (getuid () == 0 && setresuid (65534, 65534, 65534) < 0)
      _exit (2);
    TsLabStore *store = ts_lab_store_open (place->path, &keep, &why);
    _exit (!store && g_error_matches (why, TS_ERROR, TS_ERROR_IO) &&
                   strstr (why->message, "cannot be written")
               ? 0
               : 1);
  }
  int status;
  waitpid (pid, &status, 0);
  g_chmod (place->folder, 0755);
  g_chmod (place->path, 0644);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
  assert_int_equal (held (place->path), 4);
}

/* A file system that is full (or a quota): the step fails, so do all that follow, and what was
 * committed is there. */
static void
full (void **state)
{
  Place *place = *state;
  g_autoptr (GError) error = NULL;
  with_steps (place->path);
  pid_t pid = fork ();
  if (pid == 0) {
    signal (SIGXFSZ, SIG_IGN);
    TsLabStore *store = ts_lab_store_open (place->path, &keep, NULL);
    struct rlimit limit = {60000, 60000};
    if (!store || setrlimit (RLIMIT_FSIZE, &limit) < 0)
      _exit (2);
    gint64 n = 5;
    while (n < 500 && step (store, n, &error))
      n++;
    if (n == 500 || step (store, n, NULL))
      _exit (3);
    _exit ((int)(n - 1));
  }
  int status;
  waitpid (pid, &status, 0);
  assert_true (WIFEXITED (status));
  assert_in_range (WEXITSTATUS (status), 5, 200);
  gint64 now = held (place->path);
  assert_int_equal (now, WEXITSTATUS (status));
}

int
main (void)
{
#define ROW(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      ROW (steps_are_kept), ROW (killed_at_any_instant), ROW (torn_log), ROW (missing),
      ROW (empty),          ROW (not_ours),              ROW (newer),    ROW (damaged),
      ROW (held_by_another), ROW (read_only),            ROW (full),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
