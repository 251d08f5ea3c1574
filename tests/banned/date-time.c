GDateTime *bad (void);

GDateTime *
bad (void)
{
  return g_date_time_new_now_utc ();
}
