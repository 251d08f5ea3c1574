gint64 bad (void);

gint64
bad (void)
{
  return g_get_monotonic_time ();
}
