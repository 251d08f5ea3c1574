GThread *bad (GThreadFunc run);

GThread *
bad (GThreadFunc run)
{
  return g_thread_new ("bad", run, NULL);
}
