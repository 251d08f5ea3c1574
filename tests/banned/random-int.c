guint32 bad (void);

guint32
bad (void)
{
  return g_random_int ();
}
