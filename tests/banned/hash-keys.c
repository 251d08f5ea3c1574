GList *bad (GHashTable *table);

GList *
bad (GHashTable *table)
{
  return g_hash_table_get_keys (table);
}
