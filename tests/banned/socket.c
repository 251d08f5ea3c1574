#include <sys/socket.h>

int bad (void);

int
bad (void)
{
  return socket (AF_INET, SOCK_STREAM, 0);
}
