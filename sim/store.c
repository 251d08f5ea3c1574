/* sim/store.c -- rows that are durable once they are committed.  Twin of lab/vault/store.c. */
#include "sim/management.h"

typedef struct {
  char *table, *key;
  GVariant *value;
} Row;

struct _TsSimStore {
  TsSimClock *clock;
  GPtrArray *rows; /* Row, by table and key */
  gint64 free_us;  /* when all that is queued is done */
};

static void
row_free (gpointer data)
{
  Row *row = data;
  g_free (row->table);
  g_free (row->key);
  g_variant_unref (row->value);
  g_free (row);
}

TsSimStore *
ts_sim_store_new (TsSimClock *clock)
{
  TsSimStore *store = g_new0 (TsSimStore, 1);
  store->clock = clock;
  store->rows = g_ptr_array_new_with_free_func (row_free);
  return store;
}

void
ts_sim_store_free (TsSimStore *store)
{
  if (!store)
    return;
  g_ptr_array_unref (store->rows);
  g_free (store);
}

gint64
ts_sim_store_due_us (TsSimStore *store, gboolean dirty)
{
  store->free_us = MAX (store->free_us, ts_sim_clock_now_us (store->clock));
  if (dirty)
    store->free_us += TS_SIM_COMMIT_US;
  return store->free_us;
}

void
ts_sim_store_restart (TsSimStore *store)
{
  store->free_us = 0;
}

static gboolean
find (const TsSimStore *store, const char *table, const char *key, guint *index)
{
  guint low = 0, high = store->rows->len;
  while (low < high) {
    guint middle = (low + high) / 2;
    const Row *row = store->rows->pdata[middle];
    int order = strcmp (row->table, table);
    if (order == 0)
      order = strcmp (row->key, key);
    if (order == 0) {
      *index = middle;
      return TRUE;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *index = low;
  return FALSE;
}

void
ts_sim_store_put (TsSimStore *store, const char *table, const char *key, GVariant *value)
{
  guint index;
  if (find (store, table, key, &index)) {
    Row *row = store->rows->pdata[index];
    g_variant_unref (row->value);
    row->value = g_variant_ref (value);
    return;
  }
  Row *row = g_new0 (Row, 1);
  row->table = g_strdup (table);
  row->key = g_strdup (key);
  row->value = g_variant_ref (value);
  g_ptr_array_insert (store->rows, (gint)index, row);
}

void
ts_sim_store_delete (TsSimStore *store, const char *table, const char *key)
{
  guint index;
  if (find (store, table, key, &index))
    g_ptr_array_remove_index (store->rows, index);
}

guint
ts_sim_store_count (const TsSimStore *store)
{
  return store->rows->len;
}

void
ts_sim_store_row (const TsSimStore *store, guint index, const char **table, const char **key,
                  GVariant **value)
{
  const Row *row = store->rows->pdata[index];
  *table = row->table;
  *key = row->key;
  *value = row->value;
}
