ssize_t bad (char *to);

ssize_t
bad (char *to)
{
  return read (0, to, 1);
}
