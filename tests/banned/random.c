long bad (void);

long
bad (void)
{
  return random ();
}
