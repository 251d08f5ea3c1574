void bad (void);

void
bad (void)
{
  printf ("hello\n");
}
