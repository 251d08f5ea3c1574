FILE *bad (void);

FILE *
bad (void)
{
  return fopen ("/dev/null", "r");
}
