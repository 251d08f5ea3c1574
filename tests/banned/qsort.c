void bad (int *numbers, int (*order) (const void *, const void *));

void
bad (int *numbers, int (*order) (const void *, const void *))
{
  qsort (numbers, 2, sizeof *numbers, order);
}
