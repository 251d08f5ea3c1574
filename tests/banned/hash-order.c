void bad (GHashTable *table);

void
bad (GHashTable *table)
{
  GHashTableIter iter;
  g_hash_table_iter_init (&iter, table);
}
