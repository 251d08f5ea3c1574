const char *bad (void);

const char *
bad (void)
{
  return g_getenv ("HOME");
}
