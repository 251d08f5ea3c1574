gint64 bad (void);

gint64
bad (void)
{
  return time (NULL);
}
