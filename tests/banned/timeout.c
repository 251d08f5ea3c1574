guint bad (GSourceFunc call);

guint
bad (GSourceFunc call)
{
  return g_timeout_add (1, call, NULL);
}
