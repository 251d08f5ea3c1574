gint64 bad (void);

gint64
bad (void)
{
  struct timespec now;
  return clock_gettime (CLOCK_MONOTONIC, &now) + now.tv_sec;
}
